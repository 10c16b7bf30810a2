"""What the pages of models, datasets and runs show, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from roadbed.console.custody.filters import DiffFilter, ModelFilter, RunFilter
from roadbed.console.custody.lines import Plot
from roadbed.console.custody.picture import Edge, Node
from roadbed.control.proof.link import Verified
from roadbed.control.questions.changes import Changes
from roadbed.control.questions.lineage import Use
from roadbed.control.questions.runs import WholeRun
from roadbed.control.questions.standing import Status
from roadbed.core.reference import VersionRef
from roadbed.data.diff import DatasetDiff
from roadbed.data.marks import Mark
from roadbed.data.version import DatasetVersion
from roadbed.registry.approvals import Approval
from roadbed.registry.leases import Standing
from roadbed.registry.proof.notary import Sealed
from roadbed.registry.runs import Run
from roadbed.registry.tracking.artifacts import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """An endpoint that may answer with a version; `how` is serves, or stands by."""

    endpoint: str
    version: str
    stage: str
    how: str = "serves"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model in one line; `newest` is a version such as `support@7`.

    `problem` says what is wrong where it cannot be read.
    """

    name: str
    kind: str = ""
    newest: str = ""
    made_us: int | None = None
    made_by: str = ""
    problem: str = ""
    owner: str = ""
    purposes: tuple[str, ...] = ()
    served: tuple[Serving, ...] = ()

    @property
    def production(self) -> tuple[Serving, ...]:
        """Return where it answers in production."""
        found = (s for s in self.served if s.stage == "production")
        return tuple(s for s in found if s.how == "serves")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """One page of models by name; `after` is the cursor of the next one."""

    rows: tuple[ModelRow, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One version in the list of its model."""

    number: int
    kind: str
    digest: str
    run: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """One model: what is declared of it, and its versions, newest first."""

    name: str
    kind: str = ""
    declared: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    versions: tuple[VersionLine, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One edge of the chain in its table: from what to what, and how."""

    src: Node
    dst: Node
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """The whole chain of a version: as a picture, and all of it as a table.

    `hidden` says that there is something that the viewer may not see; `undrawn` is
    how many things did not fit into the picture.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    ties: tuple[Tie, ...]
    hidden: bool = False
    undrawn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPage:
    """One version: what it is, what it was made of, and where it answers.

    `others` are the numbers of the versions of its model, newest first.
    """

    ref: VersionRef
    kind: str
    digest: str
    definition: Mapping[str, Any]
    status: Status
    chain: ChainView
    said: Mapping[str, Any] = field(default_factory=dict)
    run: WholeRun | None = None
    approvals: tuple[Approval, ...] = ()
    sealed: Sealed | None = None
    parent: str = ""
    others: tuple[int, ...] = ()
    artifacts: tuple[tuple[str, str], ...] = ()

    @property
    def before(self) -> int:
        """Return the number of the version before it, 0 if it is the first."""
        return max((n for n in self.others if n < self.ref.number), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPage:
    """What changed between two versions, or what there is to choose from."""

    name: str
    numbers: tuple[int, ...]
    wanted: DiffFilter
    changes: Changes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """One dataset in one line."""

    name: str
    declared: Mapping[str, Any]
    newest: DatasetVersion | None = None
    bad: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetLine:
    """One version in the list of its dataset; `used` by as many versions at least."""

    version: DatasetVersion
    bad: Mark | None = None
    used: int = 0
    and_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPage:
    """One dataset: what is declared of it, its checks, its versions, newest first."""

    name: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    versions: tuple[DatasetLine, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFound:
    """What one check of a dataset found when the version was made."""

    check: str
    columns: tuple[str, ...]
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersionPage:
    """One dataset version: its schema, its files, where from, and what rests on it.

    `again` are the versions to train again should it be bad; `runs` are those that
    read it; `unlisted` says that more rests on it than is shown.
    """

    version: DatasetVersion
    marks: tuple[Mark, ...] = ()
    checks: tuple[CheckFound, ...] = ()
    uses: tuple[Use, ...] = ()
    unlisted: bool = False
    again: tuple[str, ...] = ()
    runs: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    made_by: str = ""
    others: tuple[int, ...] = ()

    @property
    def before(self) -> int:
        """Return the number of the version before it, 0 if it is the first."""
        return max((n for n in self.others if n < self.version.number), default=0)

    @property
    def bad(self) -> Mark | None:
        """Return the last word on it, if that is that it is bad."""
        return self.marks[-1] if self.marks and self.marks[-1].bad else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDiffPage:
    """What changed between two versions; `problem` says why it is not shown."""

    name: str
    numbers: tuple[int, ...]
    wanted: DiffFilter
    diff: DatasetDiff | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in one line."""

    run: Run
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """One page of runs, newest first; `older` is the cursor of the next one."""

    rows: tuple[RunRow, ...] = ()
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run: its record, what it logged over its steps, and its files.

    `pages` has the page of each thing that it names and the viewer may see.
    """

    whole: WholeRun
    plots: tuple[Plot, ...] = ()
    unplotted: int = 0
    artifacts: tuple[Artifact, ...] = ()
    unlisted: int = 0
    hardware: str = ""
    pages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One thing of several runs side by side; None where a run has none."""

    name: str
    values: tuple[str | None, ...]
    best: int | None = None

    @property
    def differs(self) -> bool:
        """Say whether the runs are not alike in it."""
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Several runs side by side; what differs comes first."""

    runs: tuple[RunRow, ...]
    params: tuple[Compared, ...] = ()
    metrics: tuple[Compared, ...] = ()
    facts: tuple[Compared, ...] = ()
    plots: tuple[Plot, ...] = ()
    unplotted: int = 0
    changes: Changes | None = None


class Custody(Protocol):
    """Answers what one visitor's pages ask of the chain of custody.

    Methods block, and run in threads. One that is given a name raises NotFound if
    nothing has it that the visitor may see.
    """

    def models(self, wanted: ModelFilter) -> ModelList:
        """Return one page of the models, by name."""
        ...

    def model(self, name: str) -> ModelPage:
        """Return one model."""
        ...

    def version(self, ref: VersionRef, now_us: int) -> VersionPage:
        """Return one version with its whole chain."""
        ...

    def verify(self, ref: VersionRef) -> Verified:
        """Hash all again that the version was made of. Takes its time."""
        ...

    def model_changes(self, name: str, wanted: DiffFilter) -> ChangesPage:
        """Return what changed between two versions of a model."""
        ...

    def datasets(self) -> tuple[DatasetRow, ...]:
        """Return the datasets, by name."""
        ...

    def dataset(self, name: str) -> DatasetPage:
        """Return one dataset."""
        ...

    def dataset_version(self, ref: VersionRef) -> DatasetVersionPage:
        """Return one version of a dataset."""
        ...

    def dataset_diff(self, name: str, wanted: DiffFilter) -> DatasetDiffPage:
        """Return what changed between two versions of a dataset. Takes its time."""
        ...

    def runs(self, wanted: RunFilter, now_us: int) -> RunList:
        """Return one page of the runs that *wanted* describes."""
        ...

    def run(self, run_id: str, now_us: int) -> RunPage:
        """Return one run."""
        ...

    def compare(
        self, run_ids: tuple[str, ...], now_us: int, *, changes: bool
    ) -> ComparePage:
        """Return runs side by side; of two also what changed, if that is wanted."""
        ...
