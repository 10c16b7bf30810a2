"""How the next rollout of an endpoint would go, with the calls that it gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from roadbed.access.visible import Viewer
from roadbed.control import seen
from roadbed.control.directory import directory_of
from roadbed.control.preview import Preview
from roadbed.core.errors import Invalid
from roadbed.core.reference import parse
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery
from roadbed.gateway.release import First, Release
from roadbed.identity.directory import Directory, read_subject
from roadbed.inference.record import CallRecord
from roadbed.inference.terms import Latency
from roadbed.rollouts import store
from roadbed.rollouts.foreseen import Foreseen, foresee
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import served
from roadbed.rollouts.traffic import Traffic, traffic_of

MOST = 10_000
"""How many calls are looked at, at most: the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What would come of pinning another version on `endpoint`, which serves `base`.

    `declared` says whether it declares how; if not, a version takes over at once.
    `traffic` is of the calls since `since_us` that the viewer may read, or of the
    newest MOST of them; `first` the part of those who get a version first.
    """

    endpoint: str
    base: str
    declared: bool
    unit: str
    plan: Plan
    since_us: int
    traffic: Traffic
    first: Traffic | None
    foreseen: Foreseen


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreteller:
    """Looks at what is declared, *preview*, and at the calls that a viewer may read."""

    viewer: Viewer
    calls: CallLog
    preview: Preview
    now_us: int

    def foretell(
        self, connection: sa.Connection, endpoint: str, since_us: int
    ) -> Foretold:
        """Return how the next rollout of *endpoint* would go; NotFound, Invalid."""
        spec = self.preview.content("Endpoint", endpoint)["spec"]
        release, slow_ms = _read(spec)
        plan = plan_of(release, slow_ms > 0)
        records = self._records(endpoint, since_us) if release else []
        unit = release.unit if release else "principal"
        model = parse(spec["model"]).name

        def traffic(mine: list[CallRecord]) -> Traffic:
            return traffic_of(mine, self.now_us, unit, slow_ms, model)

        first = release.first if release else None
        early = traffic(self._early(first, records)) if first else None
        whole = traffic(records)
        now = store.newest(connection, endpoint)
        return Foretold(
            endpoint=endpoint,
            base=served(spec["model"], now, self.now_us / 1e6).base,
            declared=release is not None,
            unit=unit,
            plan=plan,
            since_us=since_us,
            traffic=whole,
            first=early,
            foreseen=foresee(plan, whole, early),
        )

    def _records(self, endpoint: str, since_us: int) -> list[CallRecord]:
        query = CallQuery(endpoint=endpoint, since_us=since_us, limit=MOST)
        found = seen.calls(self.viewer, self.calls, query)
        return [record for record in found if record.arm in ("", "old", "new")]

    def _early(self, first: First, records: list[CallRecord]) -> list[CallRecord]:
        chosen = _chosen(first, directory_of(self.preview.live))
        known = {name: chosen(name) for name in {r.principal for r in records}}
        return [record for record in records if known[record.principal]]


def _read(spec: Mapping[str, Any]) -> tuple[Release | None, int]:
    """Return the block, if there is one, and from how many milliseconds on is slow."""
    block, promised = spec.get("rollout"), spec.get("latency")
    try:
        release = Release.model_validate(block) if block else None
        latency = Latency.model_validate(promised) if promised else None
    except ValidationError:
        raise Invalid(
            "the endpoint is declared under other rules", hint="`roadbed plan` says how"
        ) from None
    return release, (latency.p95_ms or 0) if latency else 0


def _chosen(first: First, directory: Directory) -> Callable[[str], bool]:
    """Return what says of a caller, as the log names it, whether they are first."""
    wanted = set(first.labels.items())

    def chosen(caller: str) -> bool:
        subject = read_subject(caller.partition(" (")[0])
        known = directory.find(subject) if subject else None
        if known is None:
            return False
        named = known.kind == "service-account" and known.name in first.accounts
        return named or (bool(wanted) and wanted <= set(known.labels))

    return chosen
