"""A run under way: on record before its first line, and again after its last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

from roadbed.core.clock import to_us
from roadbed.core.decision import Target
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import DatasetVersion
from roadbed.registry.exporter import Exported, Exporter
from roadbed.registry.recipe import recipe_of
from roadbed.registry.recognise import must_be
from roadbed.registry.runs import Input, Intent, Run
from roadbed.registry.tracking import params as kept_params
from roadbed.registry.tracking.artifacts import Artifact, Artifacts
from roadbed.registry.versions import Registered, add_version
from roadbed.workbench import code, recipe, undeclared
from roadbed.workbench.begin import code_of, software
from roadbed.workbench.current import OPEN
from roadbed.workbench.pulse import Pulse
from roadbed.workbench.tools import Tools
from roadbed.workbench.use import MEASURING, may_train
from roadbed.workbench.watch import opened, unwatched

_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a run is to make a version of, and which version it goes on from."""

    model: str = ""
    parent: VersionRef | None = None


class LiveRun:
    """What `with roadbed.run(…) as run` gives: data, metrics, artifacts, a registry.

    The run is recorded as finished when the block ends, and as failed, with the
    type of the error, when it raises. If the process dies, it stays `started`, and is
    shown as lost. Where `roadbed run -- …` opened a run for this process, the block is
    part of that one.
    """

    def __init__(
        self,
        tools: Tools,
        name: str,
        data: Mapping[str, DatasetVersion],
        params: Mapping[str, Any],
        seed: Any,
        lineage: Lineage,
    ) -> None:
        self._tools = tools
        self._name = name
        self._data = dict(data)
        self._params = params
        self._seed = seed
        self._lineage = lineage
        self._record: Run | None = None
        self._read: list[DatasetVersion] = []
        self._pulse: Pulse | None = None

    def __enter__(self) -> "LiveRun":
        """Record code, data, parameters, environment and actor; the work may begin."""
        self._tools.allow("run.write", Target(kind="Run", name=self._name))
        self._may_begin()
        with self._tools.progress.step(f"recording the start of {self._name}"):
            self._record = self._join() if self._tools.joins else self._start()
        tools = self._tools
        self._pulse = Pulse(tools.database, tools.clock, self.record.id).begin()
        OPEN.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record how it ended. The error, if there is one, goes on its way."""
        OPEN.remove(self)
        if self._pulse is not None:
            self._pulse.end()
        status = "finished" if kind is None else "failed"
        reason = "" if kind is None else kind.__name__
        try:
            self._note_all()
            if not self._tools.joins or kind is not None:
                # Else whoever opened it sees how the process ends.
                self._record = self._tools.runs.finish(self.record.id, status, reason)
        except Conflict:  # Somebody closed it before.
            self._record = self._tools.runs.get(self.record.id)

    def __repr__(self) -> str:
        return (
            f"<{self._name}, not started>"
            if self._record is None
            else repr(self.record)
        )

    def _repr_html_(self) -> str:
        return self.record._repr_html_()

    @property
    def params(self) -> Mapping[str, Any]:
        """Return the parameters, as they were given and recorded."""
        return self._params

    @property
    def id(self) -> str:
        """Return the id under which the run is recorded."""
        return self.record.id

    @property
    def record(self) -> Run:
        """Return the record as it stands; raise Invalid if the run has not begun."""
        if self._record is None:
            raise Invalid(
                "this run has not begun", hint="use it so: `with bed.run(…) as run:`"
            )
        return self._record

    def frame(self, role: str | None = None) -> Any:
        """Return the rows of the run's data as a pandas frame, checked byte by byte."""
        version = self._version(role)
        with self._tools.progress.step(f"reading {version}"), unwatched():
            return self._tools.datasets.frame(version)

    def columns(self, role: str | None = None) -> dict[str, list[Any]]:
        """Return the rows of the run's data as plain lists, checked byte by byte."""
        with unwatched():
            return self._tools.datasets.columns(self._version(role))

    def log(self, *, step: int | None = None, **metrics: Any) -> None:
        """Record numbers, such as `loss=0.3, step=7`; the record ends with the newest.

        Without a step a number is one step later than the one before it.
        """
        self._record = self._tools.runs.log(self.record.id, metrics, step)

    def tag(self, **tags: str) -> None:
        """Say something of the run in texts; a later one replaces an earlier."""
        with self._tools.database.write() as connection:
            kept_params.tag(connection, self.record.id, tags)

    def artifact(self, path: str, source: Any) -> Artifact:
        """Keep a file of the run as *path*: bytes, a text, or the file at a `Path`.

        Raises Invalid for a path that leaves the run, Conflict where a model version
        rests on the file that is there.
        """
        tools = self._tools
        kept = Artifacts(tools.database, tools.blobs, tools.clock)
        return kept.put(self.record.id, path, _pieces(source))

    def reads(self, version: DatasetVersion) -> None:
        """Add *version* to what the run reads, in the role `read`."""
        known = [(used.dataset, used.number) for used in self.record.data]
        if (version.name, version.number) in known:
            return
        self._read.append(version)
        self._add([_input("read", version)])

    def register(
        self, name: str, model: Any, example: Any = None, *, format: str = ""
    ) -> Registered:
        """Return *model* as the next version of the declared model *name*.

        It is exported, and must predict the same on every row of *example*; by
        default these are the run's training rows, if the model knows its features
        by name. *format* names another exporter than that of the model's library,
        such as `skops`. All that the run read must be fit for the model. Raises
        Denied if it is not, Invalid if the model cannot be exported or differs,
        NotFound if no such model was declared.
        """
        self._tools.allow("model.register", Target(kind="Model", name=name))
        model_declared = self._tools.models(name)
        declared = model_declared.trained
        if declared is None:
            raise Invalid(
                f"model {name!r} is declared as hosted; nothing can be registered",
                hint="declare `trained: {provider: …}` in the stack, and apply it",
            )
        may_train(self._tools, self._all_read(), name, model_declared)
        rows = self._example(model) if example is None else example
        with self._tools.progress.step(f"exporting and comparing {name}"):
            exported = self._exporter(model, format).export(model, rows)
            must_be(exported.artifact, exported.format)
        artifact = self._tools.blobs.put([exported.artifact])
        definition = self._definition(exported, declared.provider, artifact)
        now_us = to_us(self._tools.clock.now())
        if recipe_of(self.record).reproduces:
            return self._rehearsed(name, definition, exported.artifact)
        with self._tools.database.write() as connection:
            actor = str(self._tools.actor)
            return add_version(connection, name, definition, actor, now_us, self.id)

    def _may_begin(self) -> None:
        """Raise Denied unless the data, and the parent, may be trained on."""
        lineage, tools = self._lineage, self._tools
        if lineage.parent is not None:
            tools.allow("version.retrain", tools.version_target(lineage.parent))
        data = [v for role, v in self._data.items() if role not in MEASURING]
        model = tools.models(lineage.model) if lineage.model else None
        may_train(tools, data, lineage.model, model)

    def _definition(
        self, exported: Exported, provider: str, artifact: str
    ) -> dict[str, Any]:
        definition = exported.definition(provider, artifact, self.id)
        if self._lineage.parent is not None:
            definition["trained"]["parent"] = str(self._lineage.parent)
        return definition

    def _start(self) -> Run:
        tools = self._tools
        return tools.runs.start(
            Intent(
                name=self._name,
                actor=str(tools.actor),
                code=code_of(tools, self._name),
                environment=software(tools),
                data=self._inputs(),
                params=self._params,
                seed=self._seed,
                tenant=tools.actor.tenant,
            )
        )

    def _join(self) -> Run:
        """Take part in the run that was opened for this process."""
        tools = self._tools
        if self._params:
            tools.runs.amend(tools.joins, self._params)
        seen = {"environment": software(tools), "data": self._inputs()}
        opened = tools.runs.get(tools.joins)
        if not opened.code.get("named"):
            seen["name"] = self._name
        if self._seed is not None:
            seen["seed"] = self._seed
        return tools.runs.join(tools.joins, seen)

    def _inputs(self) -> tuple[Input, ...]:
        return tuple(_input(role, v) for role, v in self._data.items())

    def _add(self, found: list[Input]) -> None:
        if found:
            self._record = self._tools.runs.join(self.record.id, {"data": found})

    def _all_read(self) -> list[DatasetVersion]:
        """Return all that the run read, declared or not."""
        self._add(undeclared.reads(self._tools, opened(), self.record.data))
        extra = [
            self._tools.datasets.get(VersionRef(used.dataset, used.number))
            for used in self.record.data
            if used.role == undeclared.ROLE
        ]
        return [*self._data.values(), *self._read, *extra]

    def _note_all(self) -> None:
        """Write down what became known by the end: undeclared reads, and modules."""
        record, tools = self.record, self._tools
        found = undeclared.reads(tools, opened(), record.data)
        how = dict(record.code.get("recipe") or {})
        modules = recipe.loaded(code.top_of(tools.folder) or tools.folder)
        if modules and not how.get("problem"):
            how["modules"] = list(modules)
        seen = {"data": found, "code": {**record.code, "recipe": how}}
        self._record = tools.runs.join(record.id, seen)

    def _rehearsed(
        self, name: str, definition: dict[str, Any], artifact: bytes
    ) -> Registered:
        """Keep what would be registered as an artifact: a repeated run makes nothing.

        The version that is returned has the number 0, and is in no registry.
        """
        kind = definition["trained"]["format"]
        self.artifact(f"models/{name}.{kind}", artifact)
        return Registered(
            model=name,
            number=0,
            digest=digest_of(definition),
            definition=definition,
            run_id=self.id,
            created_us=to_us(self._tools.clock.now()),
            actor=str(self._tools.actor),
        )

    def _version(self, role: str | None) -> DatasetVersion:
        _ = self.record  # Raises if the run has not begun.
        if role is None and len(self._data) == 1:
            return next(iter(self._data.values()))
        if role not in self._data:
            raise NotFound(
                f"this run has no data for the role {role!r}",
                hint=f"it has: {', '.join(self._data) or 'none'}",
            )
        return self._data[role]

    def _example(self, model: Any) -> Any:
        names = getattr(model, "feature_names_in_", None)
        if names is None or "training" not in self._data:
            raise Invalid(
                "there are no rows to compare the export on",
                hint="pass some: `run.register(name, model, example=rows)`",
            )
        return self.frame("training")[list(names)]

    def _exporter(self, model: Any, named: str = "") -> Exporter:
        """Return the exporter *named*, or of the library of the model's class."""
        if named:
            return self._tools.exporters(named)
        libraries = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
        hint = ""
        for library in dict.fromkeys(libraries):
            try:
                return self._tools.exporters(library)
            except NotFound as error:
                hint = error.hint
        raise NotFound(
            f"no exporter knows the library of a {type(model).__name__}", hint=hint
        )


def _input(role: str, version: DatasetVersion) -> Input:
    return Input(
        role=role, dataset=version.name, number=version.number, digest=version.digest
    )


def _pieces(source: Any) -> Iterator[bytes]:
    """Yield the bytes of *source*; raise Invalid if it is nothing that holds any."""
    if isinstance(source, str):
        source = source.encode()
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, PathLike):
        with unwatched(), Path(source).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    elif hasattr(source, "read"):
        while piece := source.read(_PIECE):
            yield piece
    else:
        raise Invalid(
            f"a {type(source).__name__} is no file",
            hint="give bytes, a text, an open file, or `pathlib.Path(…)`",
        )
