"""Holds a judge against what people said, and writes down what was found."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from roadbed.control.evaluations import served_in
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.evals.asking import Answered, BudgetSpent
from roadbed.evals.certificates import DAY_US, LONGEST_DAYS, Certificate, issue
from roadbed.evals.examination import PROBED_AT_LEAST, Labelled, Preferred, examine
from roadbed.evals.grading import Grade, Grader, Means, Sample
from roadbed.evals.kinds import Evaluation, Use
from roadbed.evals.labels import Label, good, read_labels
from roadbed.evals.probes import PROBES
from roadbed.evals.running.judges import certified_as, endpoints_of, judge_of, scale_of
from roadbed.evals.running.purse import Allowance
from roadbed.evals.running.work import Progress, Tell
from roadbed.server.evaluating.evaluator import Evaluator

_KINDS = {"null-model": "ignore-the-rubric", "order": "ignore-the-rubric",
          "verdict": "ignore-the-rubric"}  # fmt: skip
"""Which finding a probe belongs to, where it has another name."""
_PREFERRED: Mapping[float, Preferred] = {1.0: "A", 0.5: "tie", 0.0: "B"}
"""What a judge prefers, A being the answer that is judged, by what it is worth."""
MISSING = 0.05
"""The share of labelled answers without a verdict from which on nothing is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """An examination as it is wanted: of which judge, by which labels, for how long."""

    content: Mapping[str, Any]
    grader: str
    labels: VersionRef
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """The certificate, and what the examination cost, in billionths of a dollar."""

    certificate: Certificate
    cost_nano: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One answer that the judge is shown: a label's, or that of a probe."""

    sample: Sample
    label: Label | None = None
    probe: str = ""


class Examiner:
    """Examines judges on the governed path, as who *evaluator* is."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    async def certify(self, exam: Exam, tell: Tell) -> Certified:
        """Ask the judge of all labelled answers and of probes; issue the certificate.

        Raises Invalid for a grader that is no judge and for labels that are none,
        NotFound, and BudgetSpent: half an examination certifies nothing.
        """
        if not 1 <= exam.days <= LONGEST_DAYS:
            raise Invalid(f"a certificate is for 1 to {LONGEST_DAYS} days")
        spec = Evaluation(**exam.content["spec"])
        use = _use(spec, exam.grader)
        served = served_in(self._evaluator.preview)
        digest = certified_as(use, served)
        if not digest:
            raise Invalid(f"grader {use.name} asks no judge that could be certified")
        labels = await asyncio.to_thread(self._labels, use, exam.labels)
        self._must_be_pinned(use)
        judge = judge_of(use, served)
        assert judge.each is not None
        means = self._evaluator.means(exam.content["metadata"]["name"])
        asking = _Asking(judge.each, means, spec, tell)
        graded = await asking.all(_tasks(labels))
        findings = _findings(graded).document()
        now_us = self._evaluator.app.now_us()
        certificate = Certificate(
            judge=digest,
            name=use.name,
            labels=str(exam.labels),
            findings=findings,
            actor=self._evaluator.actor,
            made_us=now_us,
            expires_us=now_us + exam.days * DAY_US,
        )
        await asyncio.to_thread(self._issue, certificate)
        spent = asking.money.spent_nano
        return Certified(certificate=certificate, cost_nano=spent, answers=len(graded))

    def _must_be_pinned(self, use: Use) -> None:
        """Raise Invalid for a judge whose model may change behind its name."""
        preview = self._evaluator.preview
        for endpoint in endpoints_of(use):
            content = preview.content("Endpoint", endpoint)
            version = preview.version(parse(content["spec"]["model"]))
            if self._evaluator.floats(version):
                raise Invalid(
                    f"the judge {version} may change any day: its upstream is "
                    f"{version.body['upstream']}",
                    hint="name a dated model, so that what is certified stays",
                )

    def _labels(self, use: Use, ref: VersionRef) -> list[Label]:
        datasets = self._evaluator.app.datasets
        return read_labels(datasets, datasets.get(ref), scale_of(use.config))

    def _issue(self, certificate: Certificate) -> None:
        with self._evaluator.app.database.write() as connection:
            issue(connection, certificate)


class _Asking:
    """Asks one judge of many answers, some at once."""

    def __init__(
        self, grader: Grader, means: Means, spec: Evaluation, tell: Tell
    ) -> None:
        self._grader, self._means, self._tell = grader, means, tell
        self._room = asyncio.Semaphore(spec.concurrency)
        self.money = Allowance.of(spec.budget)
        self._progress = Progress()

    async def all(self, tasks: Sequence[_Task]) -> list[tuple[_Task, Grade]]:
        """Return what the judge says of each; raise BudgetSpent."""
        self._progress = Progress(total=len(tasks))
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._one(task)) for task in tasks]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        return [(task, done.result()) for task, done in zip(tasks, asked, strict=True)]

    async def _one(self, task: _Task) -> Grade:
        async with self._room:
            if not self.money.take():
                raise BudgetSpent("the budget of the evaluation is spent")
            cost = 0
            try:
                grade = await self._grader.grade(task.sample, self._means)
                cost = grade.cost_nano
            finally:
                self.money.settle(cost)
        before = self._progress
        self._progress = replace(
            before,
            done=before.done + 1,
            cost_nano=self.money.spent_nano,
            failed=before.failed + (grade.value is None),
        )
        self._tell(self._progress)
        return grade


def _use(spec: Evaluation, name: str) -> Use:
    for use in spec.graders:
        if use.name == name:
            return use
    known = ", ".join(use.name for use in spec.graders)
    raise NotFound(f"no grader is named {name[:80]!r}", hint=f"there is {known}")


def _tasks(labels: Sequence[Label]) -> list[_Task]:
    """Return what the judge is shown.

    Probes answer questions that have a good answer, so that none of them is right.
    """
    answered = {
        label.sample.case.digest: label.sample for label in labels if good(label.human)
    }
    probed = list(islice(answered.values(), PROBED_AT_LEAST))
    probes = [
        _Task(
            sample=replace(sample, answered=Answered(text=text, finish="stop")),
            probe=_KINDS.get(name, name),
        )
        for name, text in PROBES.items()
        for sample in probed
    ]
    return [_Task(sample=label.sample, label=label) for label in labels] + probes


def _findings(graded: Sequence[tuple[_Task, Grade]]) -> Any:
    labelled: list[Labelled] = []
    probes: dict[str, list[bool]] = {}
    people: list[tuple[bool, bool]] = []
    swaps: list[tuple[Preferred, Preferred]] = []
    missing, why = 0, ""
    for task, grade in graded:
        label = task.label
        if label is not None and label.second is not None:
            people.append((good(label.human), good(label.second)))
        if grade.value is None:
            missing, why = missing + (label is not None), why or grade.error
        elif label is None:
            probes.setdefault(task.probe, []).append(good(grade.value))
        else:
            tags = label.sample.case.tags
            said = Labelled(good(grade.value), good(label.human), tags)
            labelled.append(said)
            for first, second in grade.detail.get("orders", ()):
                swaps.append((_PREFERRED[first], _PREFERRED[second]))
    if missing > MISSING * (missing + len(labelled)):
        raise Invalid(
            f"the judge gave no verdict on {missing} of {missing + len(labelled)} "
            f"labelled answers: {why}",
            hint="see its calls, and run it again",
        )
    return examine(labelled, probes, swaps, people)
