"""What a data scientist holds in a notebook: datasets in, runs, registered models out.

tumors = bed.dataset("tumors").snapshot(frame)
with bed.run("train-triage", data=tumors, params={"C": 1.0}) as run:
    rows = run.frame()
    ...
    run.log(accuracy=0.97)
    run.register("tumor-triage", model)
"""

from collections.abc import Mapping
from typing import Any

from roadbed.control import seen
from roadbed.control.feedback import Spoken
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.core.reference import VersionRef, parse
from roadbed.data.datasets import DatasetVersion
from roadbed.data.marks import newest_good
from roadbed.evals.saying import KINDS
from roadbed.registry.runs import Run
from roadbed.registry.versions import Registered
from roadbed.workbench.dataset import DatasetHandle
from roadbed.workbench.live import Lineage, LiveRun
from roadbed.workbench.tools import Tools


class Bed(Tools):
    """A workbench on one project. Everything it does is recorded as its actor's."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Roadbed workbench of {self.actor}>"

    def dataset(self, name: str) -> DatasetHandle:
        """Return a handle on the dataset called *name*; nothing is looked up yet."""
        return DatasetHandle(self, name)

    def run(
        self,
        name: str,
        *,
        data: Any = None,
        params: Mapping[str, Any] | None = None,
        seed: Any = None,
        model: str = "",
        parent: str = "",
    ) -> LiveRun:
        """Return a run to be used in a `with` block; it starts where the block does.

        *data* is a dataset version, a reference such as `"tumors@1"`, the name alone
        for the newest version that nobody called bad, or a dict of several by their
        role. *params* and *seed* are recorded as they are given.

        With *model*, the name of the model that it trains, the purposes of the data
        are compared with the model's before a byte is read, else when it registers.
        *parent* is the version that it goes on from, such as `"tumor-triage@1"`.
        """
        return LiveRun(
            self,
            name,
            self._inputs(data),
            params or {},
            seed,
            Lineage(model=model, parent=parse(parent) if parent else None),
        )

    def versions(self, model: str) -> list[Registered]:
        """Return the registered versions of *model*, newest first."""
        self.allow("model.read", Target(kind="Model", name=model))
        with self.database.read() as connection:
            return seen.versions(self.viewer(), connection, model)

    def history(self, name: str | None = None, limit: int = 20) -> list[Run]:
        """Return the newest runs, all of them or those called *name*."""
        viewer = self.viewer()
        if not viewer.might("run.read"):
            self.allow("run.read", Target(kind="Run", name=name or "*"))
        return seen.runs(viewer, self.runs, name, limit)

    def feedback(
        self,
        call: str,
        *,
        name: str = "",
        source: str = "",
        comment: str = "",
        **said: Any,
    ) -> bool:
        """Say one thing of *call*, by its id; say whether it is anything new.

        The one thing is `thumbs="up"` or `"down"`, `score=0.5`, `label="refund"`,
        `correction="Rome"` (plain JSON), or `outcome=1`: what turned out true, as a
        list for a call of several rows. *source* is a pseudonym of who says it, the
        actor if it is empty. The same again changes nothing. Raises Invalid,
        NotFound, or Denied.
        """
        if len(said) != 1:
            raise Invalid(
                "say one thing of the call",
                hint=f"one of {', '.join(KINDS)}, such as thumbs='up'",
            )
        ((kind, value),) = said.items()
        spoken = Spoken(
            call=call, kind=kind, value=value, name=name, source=source, comment=comment
        )
        return self.hear(spoken).new

    def given(self, data: Any) -> dict[str, DatasetVersion]:
        """Return the versions that *data* names, by role, as `run` reads it."""
        return self._inputs(data)

    def _inputs(self, data: Any) -> dict[str, DatasetVersion]:
        if data is None:
            return {}
        named = data if isinstance(data, Mapping) else {"training": data}
        return {role: self._version(given) for role, given in named.items()}

    def _version(self, given: DatasetVersion | str) -> DatasetVersion:
        """Return a version, the newest good one where only a name is given."""
        alone = isinstance(given, str) and "@" not in given
        wanted = parse(given) if isinstance(given, str) and not alone else given
        name = wanted if isinstance(wanted, str) else wanted.name
        self.allow("dataset.read", Target(kind="Dataset", name=name))
        if name in self.pins:
            return self.datasets.get(VersionRef(name, self.pins[name]))
        if isinstance(wanted, DatasetVersion):
            return wanted
        if isinstance(wanted, str):
            with self.database.read() as connection:
                wanted = newest_good(connection, wanted)
        return self.datasets.get(wanted)
