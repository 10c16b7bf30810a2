"""Brings the questions of a run in batches, with what is known of each already."""

from collections.abc import Iterator, Sequence
from itertools import islice

from roadbed.core.errors import Invalid
from roadbed.evals.case import Case
from roadbed.evals.running.judges import Judge
from roadbed.evals.running.keys import answer_key, grade_key
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.running.work import Item, Work

BATCH = 250
"""How many cases are looked up together."""


class Feed:
    """The questions of *work*, a batch at a time. Blocks: use it in a thread."""

    def __init__(self, work: Work, shelf: Shelf) -> None:
        self._work = work
        self._shelf = shelf
        self._cases = enumerate(work.cases)
        self._judges = [judge for judge in work.judges if judge.each]

    def next(self) -> list[Item]:
        """Return the questions of the next cases, none at the end."""
        cases = list(islice(self._cases, BATCH))
        items = [item for at, case in cases for item in self._items(at, case)]
        known = self._shelf.answers([item.key for item in items if item.key])
        for item in items:
            item.answered = known.get(item.key)
            item.hit = item.answered is not None
        self._add_grades([item for item in items if item.hit])
        return items

    def _items(self, at: int, case: Case) -> Iterator[Item]:
        work, question, wrong = self._work, None, ""
        try:
            question = work.requests.question(case)
        except Invalid as error:
            wrong = f"{error.code}: {error.message}"
        for repeat in range(work.spec.repeats):
            item = Item(at=at, case=case, repeat=repeat, unaskable=wrong)
            if question is not None:
                item.question = question
                item.key = answer_key(work.subject, question.body, repeat, work.take)
            yield item

    def _add_grades(self, items: Sequence[Item]) -> None:
        wanted = {
            grade_name(item, judge): (item, judge)
            for item in items
            for judge in self._judges
        }
        for key, grade in self._shelf.grades(list(wanted)).items():
            item, judge = wanted[key]
            item.grades[judge.name] = grade


def grade_name(item: Item, judge: Judge) -> str:
    """Return the name under which the grade of *item* by *judge* is kept."""
    return grade_key(item.key, item.case.digest, judge.digest)
