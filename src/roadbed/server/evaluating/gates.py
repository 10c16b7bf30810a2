"""Compares versions, and judges whether one may be promoted; runs what is missing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.control.evaluations import in_service, required
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.evals.reports import store as reports
from roadbed.evals.reports import verdicts
from roadbed.evals.reports.compare import compare_reports
from roadbed.evals.reports.differing import put_right
from roadbed.evals.reports.gate import gate_of
from roadbed.evals.reports.shown import document_of
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.running.work import Progress, Tell
from roadbed.server.evaluating.evaluator import Evaluated, Evaluator, Order
from roadbed.server.evaluating.judged import Judged, differences, judged, word_of

Content = Mapping[str, Any]
Telling = Callable[[Order], Tell]
"""Returns what is told of the progress of an order that begins now."""


def _silent(order: Order) -> Tell:
    def tell(progress: Progress) -> None:
        return None

    return tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate of one evaluation said of a version, and what it is based on.

    `comparison` and `baseline` are None where no other version is in service.
    """

    evaluation: str
    said: Mapping[str, Any]
    candidate: Evaluated
    baseline: Evaluated | None
    comparison: Mapping[str, Any] | None

    @property
    def outcome(self) -> str:
        """Return the word: passed, failed or inconclusive."""
        return str(self.said["gate"]["outcome"])

    def document(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        baseline = self.baseline.said if self.baseline else None
        return document_of(self.said, self.candidate.said, baseline, self.comparison)


class Gates:
    """Judges versions by the evaluations of an endpoint."""

    def __init__(self, evaluator: Evaluator, telling: Telling = _silent) -> None:
        self._evaluator, self._telling = evaluator, telling
        self._app, self._preview = evaluator.app, evaluator.preview

    def pinned(self, endpoint: str) -> VersionRef:
        """Return the version that *endpoint* pins where it is declared."""
        return parse(self._preview.content("Endpoint", endpoint)["spec"]["model"])

    def evaluations(self, endpoint: str, names: Sequence[str] = ()) -> list[Content]:
        """Return the evaluations of *endpoint*, or those that *names* names.

        Raises NotFound if there is none, or no such endpoint.
        """
        self._preview.content("Endpoint", endpoint)
        blocking = required(self._preview, endpoint)
        known = {id(content) for content in blocking}
        others = [
            content
            for content in self._preview.of("Evaluation")
            if content["spec"]["endpoint"] == endpoint and id(content) not in known
        ]
        found = [
            content
            for content in (*blocking, *(others if names else ()))
            if not names or content["metadata"]["name"] in names
        ]
        missing = set(names) - {content["metadata"]["name"] for content in found}
        if missing or not found:
            which = f" called {min(missing)!r}" if missing else ""
            raise NotFound(
                f"endpoint {endpoint} has no evaluation{which}",
                hint="declare an Evaluation of this endpoint; --stack FOLDER reads "
                "what is not applied yet",
            )
        return found

    async def gate(
        self, endpoint: str, ref: VersionRef | None, names: Sequence[str] = ()
    ) -> list[Gated]:
        """Return what each gate says of *ref*, by default of what is pinned."""
        wanted = ref or self.pinned(endpoint)
        contents = self.evaluations(endpoint, names)
        return [await self._gated(content, wanted) for content in contents]

    async def compare(
        self, content: Content, before: VersionRef, after: VersionRef
    ) -> Mapping[str, Any]:
        """Return how *after* differs from *before*; runs what was not run."""
        return (await self.compared(content, before, after))["comparison"]

    async def compared(
        self, content: Content, before: VersionRef, after: VersionRef
    ) -> dict[str, Any]:
        """Return how *after* differs from *before*, with both reports."""
        old, new = await self._shown(content, before), await self._shown(content, after)
        known = await asyncio.to_thread(self.judges, content, new)
        order = await asyncio.to_thread(self._evaluator.order, content, after)
        both = (old, new)
        found, known = await asyncio.to_thread(self._compared, order, both, known)
        said = {
            "subject": order.subject.row(),
            "report": new.report.digest,
            "baseline_report": old.report.digest,
            "judges": known,
        }
        return document_of(said, new.said, old.said, found)

    async def _gated(self, content: Content, ref: VersionRef) -> Gated:
        order = await asyncio.to_thread(self._evaluator.order, content, ref)
        serving = in_service(self._preview, order.spec.endpoint)
        candidate = await self._shown(content, ref)
        baseline = None
        if serving is not None and not self._same(serving, order):
            baseline = await self._shown(content, serving)
        known = await asyncio.to_thread(self.judges, content, candidate)
        shown = (candidate, baseline)
        return await asyncio.to_thread(self._judged, order, shown, known)

    def judges(self, content: Content, shown: Evaluated) -> Judged:
        """Return what is known of the judges of *content* and of one report. Blocks."""
        return judged(self._app, self._preview, content, shown.said)

    async def _shown(self, content: Content, ref: VersionRef) -> Evaluated:
        order = await asyncio.to_thread(self._evaluator.order, content, ref)
        return await self._evaluator.evaluate(order, self._telling(order))

    def _same(self, serving: VersionRef, order: Order) -> bool:
        return self._preview.version(serving).digest == order.version.digest

    def _judged(
        self,
        order: Order,
        shown: tuple[Evaluated, Evaluated | None],
        known: Judged,
    ) -> Gated:
        candidate, baseline = shown
        compared = None
        if baseline:
            compared, known = self._compared(order, (baseline, candidate), known)
        gate = gate_of(
            order.spec,
            candidate.said,
            baseline.said if baseline else None,
            compared,
            word_of(known),
        )
        against = baseline.report.subject if baseline else None
        said = {
            "subject": order.subject.row(),
            "gate": gate.content(),
            "judges": known,
            "report": candidate.report.digest,
            "baseline_report": baseline.report.digest if baseline else "",
            "baseline": against.version if against else "",
            "baseline_digest": against.version_digest if against else "",
            "actor": self._evaluator.actor,
            "at_us": self._app.now_us(),
        }
        kept = verdicts.keep(self._app.blobs, said, self._evaluator.tenant)
        with self._app.database.write() as connection:
            verdicts.add(connection, kept)
        return Gated(
            evaluation=order.subject.evaluation,
            said=said,
            candidate=candidate,
            baseline=baseline,
            comparison=compared,
        )

    def _compared(
        self, order: Order, both: tuple[Evaluated, Evaluated], known: Judged
    ) -> tuple[dict[str, Any], Judged]:
        """Return how two reports differ, and what is known of the judges with that."""
        blobs, (baseline, candidate) = self._app.blobs, both
        found = compare_reports(
            order.spec,
            (baseline.said, reports.rows(blobs, baseline.said["rows"])),
            (candidate.said, reports.rows(blobs, candidate.said["rows"])),
        )
        reports_ = (baseline.said, candidate.said)
        right, known = differences(self._app, order.spec, known, reports_)
        put_right(order.spec, found, right)
        found["changed"] = self._shown_answers(order, found["changed"])
        return found, known

    def _shown_answers(
        self, order: Order, changed: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the cases that changed with what was asked and both answers."""
        keys = [key for each in changed for key in each["answers"] if key]
        answers = Shelf(self._app.database).answers(keys)
        asked = self._evaluator.asked(order, {each["case"] for each in changed})
        shown = []
        for each in changed:
            texts = [_text(answers.get(key)) for key in each["answers"]]
            case = asked.get(each["case"])
            shown.append(
                {
                    **each,
                    "answers": list(each["answers"]),
                    "tags": list(each["tags"]),
                    "input": case.input if case else None,
                    "expected": case.expected if case else None,
                    "baseline_answer": texts[0],
                    "candidate_answer": texts[1],
                }
            )
        return shown


def _text(answered: Any) -> str:
    """Return an answer as text: what was said, or the outputs as JSON."""
    if answered is None:
        return ""
    if answered.outputs:
        return msgspec.json.encode(answered.outputs).decode()
    if answered.tools and not answered.text:
        return msgspec.json.encode(answered.tools).decode()
    return answered.text
