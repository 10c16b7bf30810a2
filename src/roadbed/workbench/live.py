"""A run under way: on record before its first line, and again after its last."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from roadbed.core.clock import to_us
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import DatasetVersion
from roadbed.registry.exporter import Exported, Exporter
from roadbed.registry.recognise import must_be
from roadbed.registry.runs import Input, Intent, Run
from roadbed.registry.versions import Registered, add_version
from roadbed.workbench import code, environment
from roadbed.workbench.tools import Tools
from roadbed.workbench.use import MEASURING, may_train


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a run is to make a version of, and which version it goes on from."""

    model: str = ""
    parent: VersionRef | None = None


class LiveRun:
    """What `with bed.run(…) as run` gives: data to read, metrics to log, a registry.

    The run is recorded as finished when the block ends, and as failed, with the
    type of the error, when it raises. If the process dies, it stays `started`.
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

    def __enter__(self) -> "LiveRun":
        """Record code, data, parameters, environment and actor; the work may begin."""
        self._tools.allow("run.write", Target(kind="Run", name=self._name))
        self._may_begin()
        with self._tools.progress.step(f"recording the start of {self._name}"):
            self._record = self._tools.runs.start(self._intent())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record how it ended. The error, if there is one, goes on its way."""
        status = "finished" if kind is None else "failed"
        reason = "" if kind is None else kind.__name__
        self._record = self._tools.runs.finish(self.record.id, status, reason)

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
        with self._tools.progress.step(f"reading {version}"):
            return self._tools.datasets.frame(version)

    def columns(self, role: str | None = None) -> dict[str, list[Any]]:
        """Return the rows of the run's data as plain lists, checked byte by byte."""
        return self._tools.datasets.columns(self._version(role))

    def log(self, **metrics: Any) -> None:
        """Record numbers, such as `accuracy=0.97`; a later one replaces an earlier."""
        self._record = self._tools.runs.log(self.record.id, metrics)

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
        may_train(self._tools, self._data.values(), name, model_declared)
        rows = self._example(model) if example is None else example
        with self._tools.progress.step(f"exporting and comparing {name}"):
            exported = self._exporter(model, format).export(model, rows)
            must_be(exported.artifact, exported.format)
        artifact = self._tools.blobs.put([exported.artifact])
        definition = self._definition(exported, declared.provider, artifact)
        now_us = to_us(self._tools.clock.now())
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

    def _intent(self) -> Intent:
        seen, software = code.observe(self._tools.folder), environment.observe()
        for kept in (seen.patch, software.lock):
            if kept:
                self._tools.blobs.put([kept])
        return Intent(
            name=self._name,
            actor=str(self._tools.actor),
            code=seen.content(),
            environment=software.content(),
            data=tuple(_input(role, v) for role, v in self._data.items()),
            params=self._params,
            seed=self._seed,
            tenant=self._tools.actor.tenant,
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
