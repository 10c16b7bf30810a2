"""Reproduce a run, and say how far what comes out is from what came out then."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from roadbed.core.errors import Conflict, RoadbedError
from roadbed.ports.code import Code
from roadbed.registry.runs import Run
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.registry.versions import versions_of_run
from roadbed.workbench import environment
from roadbed.workbench.bed import Bed
from roadbed.workbench.repeat import Again, checked, repeat

EQUAL, DIFFERENT, INCONCLUSIVE = 0, 3, 6
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """One number or file of both runs. `apart` is how far, 0 if equal to the bit.

    Of a file it is 0 or 1; None if only one of both has it.
    """

    name: str
    before: str
    after: str
    apart: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A run, its repetition, and how far apart they are."""

    run: str
    again: str
    status: str
    error: str
    metrics: tuple[Distance, ...]
    artifacts: tuple[Distance, ...]
    environment: tuple[str, ...]

    @property
    def bit_equal(self) -> bool:
        """Say whether all numbers and files are equal to the last bit."""
        found = (*self.metrics, *self.artifacts)
        return bool(found) and all(each.apart == 0 for each in found)

    @property
    def exit_code(self) -> int:
        """Return 0 if bit-equal, 3 if not, 6 if there is nothing to tell by."""
        if self.status != "finished" or not (*self.metrics, *self.artifacts):
            return INCONCLUSIVE
        return EQUAL if self.bit_equal else DIFFERENT

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "bit_equal": self.bit_equal}

    def lines(self) -> Iterator[str]:
        """Yield it as lines of text."""
        told = f": {self.error}" if self.error else ""
        yield f"run {self.run} again, as run {self.again}: {self.status}{told}"
        for line in self.environment[:_SHOWN]:
            yield f"  environment differs: {line}"
        for each in (*self.metrics, *self.artifacts):
            word = "equal" if each.apart == 0 else f"{each.before} → {each.after}"
            far = f", apart by {each.apart:.3g}" if each.apart else ""
            yield f"  {each.name:<28}  {word}{far}"
        verdicts = {
            EQUAL: "bit-equal: all metrics and artifacts are the same",
            DIFFERENT: "not bit-equal",
            INCONCLUSIVE: "inconclusive: there is nothing to compare",
        }
        yield verdicts[self.exit_code]


def reproduce(
    bed: Bed, code: Code, run_id: str, *, allow_environment: bool = False
) -> Reproduction:
    """Run the run again, on the same commit and data, and compare what comes out.

    Nothing is registered. Raises Conflict if the environment differs and that is not
    allowed, Invalid if the run has no recipe.
    """
    run = bed.runs.get(run_id)
    checked(run)
    differing = tuple(_environment(bed, run))
    if differing and not allow_environment:
        shown = "; ".join(differing[:_SHOWN])
        raise Conflict(
            f"the environment is not that of run {run_id}: {shown}",
            hint="install what its lock says (`roadbed run get` has its digest), or "
            "add --allow-environment to go on and see",
        )
    pins = {used.dataset: used.number for used in run.data}
    ended = repeat(bed, code, Again(run=run, pins=pins, rehearsal=True))
    return Reproduction(
        run=run.id,
        again=ended.run.id,
        status=ended.run.status,
        error=ended.run.error,
        metrics=tuple(_metrics(run.metrics, ended.run.metrics)),
        artifacts=tuple(_artifacts(_files(bed, run), _files(bed, ended.run))),
        environment=differing,
    )


def _environment(bed: Bed, run: Run) -> Iterator[str]:
    """Yield how the environment of this process differs from that of *run*."""
    here, then = environment.observe(), run.environment
    for name in ("python", "implementation", "platform"):
        if then.get(name) and then[name] != getattr(here, name):
            yield f"{name} {then[name]} → {getattr(here, name)}"
    if then.get("lock") == here.content()["lock"]:
        return
    try:
        lock = b"".join(bed.blobs.get(str(then.get("lock") or "")))
    except RoadbedError:
        yield "its lock is not kept"
        return
    before, after = {*lock.decode().split()}, {*here.lock.decode().split()}
    yield from (f"without {line}" for line in sorted(before - after))
    yield from (f"with {line}" for line in sorted(after - before))


def _metrics(
    before: Mapping[str, float], after: Mapping[str, float]
) -> Iterator[Distance]:
    for name in sorted({*before, *after}):
        both = name in before and name in after
        yield Distance(
            name=name,
            before=repr(before[name]) if name in before else "absent",
            after=repr(after[name]) if name in after else "absent",
            apart=_apart(before[name], after[name]) if both else None,
        )


def _apart(before: float, after: float) -> float:
    same = before == after or (before != before and after != after)
    return 0.0 if same else abs(before - after)


def _artifacts(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Distance]:
    for name in sorted({*before, *after}):
        both = name in before and name in after
        yield Distance(
            name=name,
            before=before.get(name, "absent"),
            after=after.get(name, "absent"),
            apart=float(before[name] != after[name]) if both else None,
        )


def _files(bed: Bed, run: Run) -> dict[str, str]:
    """Return the digests of what a run left behind, the models that it made too."""
    kept = Artifacts(bed.database, bed.blobs, bed.clock).list(run.id)
    found = {artifact.path: artifact.digest for artifact in kept}
    with bed.database.read() as connection:
        for made in versions_of_run(connection, run.id):
            if digest := made.body.get("artifact"):
                found[f"models/{made.model}.{made.body.get('format')}"] = str(digest)
    return found
