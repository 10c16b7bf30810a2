"""What graders may ask, each call under the labels of the evaluation that asks."""

from collections.abc import Mapping
from dataclasses import replace

from roadbed.evals.asking import Answered, Ask, Question
from roadbed.server.evaluating.inside import Inside


class Marked:
    """Endpoints to ask on the governed path; see `evals.grading.Means`.

    The labels tell such calls from those of production, which alone are drawn for
    grading, also where the judge's own endpoint is graded online.
    """

    def __init__(self, inside: Inside, labels: Mapping[str, str]) -> None:
        self._inside, self._labels = inside, labels

    def ask(self, endpoint: str) -> Ask:
        """Return what asks *endpoint*; raise NotFound, and Denied on the record."""
        line = self._inside.served(endpoint)

        async def ask(question: Question) -> Answered:
            labels = {**question.labels, **self._labels}
            return await line(replace(question, labels=labels))

        return ask
