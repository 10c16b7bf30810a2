"""What the pages of evaluations show, as plain values."""

from dataclasses import dataclass
from typing import Protocol

from roadbed.console.assays.filters import CaseFilter, Pair
from roadbed.console.assays.wording import Piece
from roadbed.control.questions.evaluations import Stands
from roadbed.evals.reports.verdicts import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A number with its interval; what is not known is None, and `method` says why."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    cases: int = 0
    clusters: int = 0
    method: str = ""
    sure: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderLine:
    """A grader of an evaluation: what it is called, and its bar in words."""

    name: str
    grader: str
    bar: str = ""
    floor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An Evaluation in words: its golden set, its graders, its bars.

    `retired` is one that is declared no more, of which there are reports.
    """

    name: str
    endpoint: str
    golden: str
    graders: tuple[GraderLine, ...] = ()
    blocks: bool = True
    repeats: int = 1
    alpha: float = 0.05
    watched: str = ""
    description: str = ""
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """An evaluation in the list: how the pinned version stands, and the newest."""

    line: Line
    serving: Stands | None = None
    newest: Stands | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationList:
    """One page of evaluations by name; `after` is the cursor of the next one."""

    rows: tuple[EvaluationRow, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run of an evaluation; `report` is the page of its report, if it has one."""

    id: str
    version: str
    status: str
    done: int
    total: int
    cost_nano: int
    actor: str
    started_us: int
    finished_us: int | None = None
    hits: int | None = None
    failed: int | None = None
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """A report in a list. `current` says that it is by the evaluation as it is now."""

    digest: str
    evaluation: str
    endpoint: str
    version: str
    at_us: int
    actor: str
    complete: bool
    current: bool = True
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the cases can show, in sentences; `problem` says why that is not known."""

    sentences: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The scores of one grader by tag."""

    grader: str
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPage:
    """One evaluation: its bar, what it can show, and what it showed.

    `reports` has the newest one of each version, `slices` are of the newest of all.
    """

    row: EvaluationRow
    power: Power
    runs: tuple[RunLine, ...] = ()
    reports: tuple[ReportLine, ...] = ()
    slices: tuple[Slices, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderTold:
    """What one grader found: a score, or measures of all answers together.

    `rates` are pass@k and pass^k; `flaky` are the cases that passed only sometimes.
    """

    name: str
    direction: str
    bar: str
    digest: str
    score: Score
    measures: tuple[Score, ...] = ()
    missing: int = 0
    rates: tuple[Score, ...] = ()
    flaky: tuple[str, ...] = ()
    flaky_cases: int = 0
    alike: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTold:
    """What a gate said of one bar, and how sure."""

    name: str
    outcome: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What one gate said from a report; `against` is the version it compared with."""

    outcome: str
    against: str
    actor: str
    at_us: int
    bars: tuple[BarTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeTold:
    """What a grader said of the first answer to a case, and the values of all."""

    name: str
    values: tuple[float | None, ...]
    label: str = ""
    explanation: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTold:
    """One case: what was asked, expected and answered, as far as the viewer may read.

    None stands for what they may not read, or what is kept no more. `call` is the
    page of the call that the answer came from.
    """

    id: str
    tags: tuple[str, ...]
    grades: tuple[GradeTold, ...]
    asked: str | None = None
    expected: str | None = None
    answer: str | None = None
    status: str = ""
    errors: tuple[str, ...] = ()
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """One page of a list of cases, the worst first.

    `of` is how many there are, of which the first `listed` can be turned to.
    """

    cases: tuple[CaseTold, ...] = ()
    of: int = 0
    listed: int = 0
    page: int = 1
    pages: int = 1
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """One report: what each grader found, on what, at what cost, and the gates' word.

    `registered` says that its version is here, and no branch's that was not applied.
    `latency` are quantiles in microseconds, by name. `failures` are (case, why).
    """

    line: ReportLine
    golden: str
    golden_digest: str
    cases: int
    done: int
    repeats: int
    stopped: str
    graders: tuple[GraderTold, ...]
    slices: tuple[Slices, ...]
    failed: int
    failures: tuple[tuple[str, str], ...]
    ungraded: tuple[str, ...]
    refused: int
    hits: int
    cost_nano: int
    tokens: tuple[int, int]
    latency: tuple[tuple[str, int], ...]
    gates: tuple[Gated, ...] = ()
    worst: Cases = Cases()
    registered: bool = True
    others: tuple[ReportLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a score differs between two versions on the same cases."""

    name: str
    before: float | None
    after: float | None
    score: Score
    verdict: str
    p: float
    direction: str = "higher"
    tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """How the grade of one grader changed, and whether that is for the worse."""

    grader: str
    before: float
    after: float
    worse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A case whose grades changed, with both answers as pieces of one text.

    The pieces are None if the viewer may not read answers; `cut` if they are long.
    """

    case: str
    grades: tuple[Regraded, ...]
    tags: tuple[str, ...]
    asked: str | None = None
    expected: str | None = None
    pieces: tuple[Piece, ...] | None = None
    cut: bool = False
    calls: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    """Two reports side by side; `problem` says why they cannot be compared."""

    evaluation: str
    before: ReportLine | None = None
    after: ReportLine | None = None
    choices: tuple[ReportLine, ...] = ()
    problem: str = ""
    graders: tuple[Difference, ...] = ()
    slices: tuple[tuple[str, tuple[Difference, ...]], ...] = ()
    unpaired: int = 0
    pairs: int = 0
    changed: tuple[Changed, ...] = ()
    listed: int = 0
    page: int = 1
    pages: int = 1
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A probe of a judge: what it is, and how many of its answers fooled the judge."""

    name: str
    told: str
    answers: int
    fooled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTold:
    """What an examination of a judge found, and until when it counts."""

    id: str
    judge: str
    name: str
    labels: str
    actor: str
    made_us: int
    expires_us: int
    holds: bool
    agreement: Score
    kappa: Score
    accuracy: tuple[tuple[str, Score, Score], ...]
    position: tuple[Score, ...]
    probes: tuple[Probe, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeUse:
    """A judge as one evaluation uses it, and whether it may gate.

    `declared` is the agreement with people that its gate takes, None without one.
    """

    evaluation: str
    name: str
    grader: str
    endpoints: tuple[str, ...]
    gates: bool
    may: bool
    reason: str = ""
    declared: float | None = None
    judge: str = ""
    until_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgesPage:
    """The judges that evaluations use, and the certificates there are."""

    uses: tuple[JudgeUse, ...] = ()
    certificates: tuple[CertificateTold, ...] = ()


class Assays(Protocol):
    """Answers what one visitor's pages ask of evaluations.

    Methods block, and run in threads. One that is given a name raises NotFound if
    nothing has it that the visitor may see.
    """

    def evaluations(self, after: str, now_us: int) -> EvaluationList:
        """Return one page of the declared evaluations, by name."""
        ...

    def evaluation(self, name: str, now_us: int) -> EvaluationPage:
        """Return one evaluation."""
        ...

    def report(self, name: str, digest: str, wanted: CaseFilter) -> ReportPage:
        """Return one report of the evaluation called *name*."""
        ...

    def compare(self, name: str, wanted: Pair) -> ComparisonPage:
        """Return how two reports of an evaluation differ. Takes its time."""
        ...

    def judges(self, now_us: int) -> JudgesPage:
        """Return the judges that evaluations use, and their certificates."""
        ...

    def of_endpoint(self, endpoint: str, now_us: int) -> tuple[EvaluationRow, ...]:
        """Return the evaluations of an endpoint."""
        ...

    def of_version(self, version: str, now_us: int) -> tuple[EvaluationRow, ...]:
        """Return how a model version stands, as the `serving` of each evaluation."""
        ...
