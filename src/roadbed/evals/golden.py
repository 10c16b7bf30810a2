"""The queue of cases to be: who found them and why, and what annotators say.

A candidate waits once, however often it is found. What was asked and answered is
kept apart from the rest, so that it can be erased.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.core.ids import Uuid7
from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.evals.alike import key_of
from roadbed.evals.golden_tables import (
    golden_candidates,
    golden_labels,
    golden_texts,
)
from roadbed.evals.review import Label, Settled, Verdict, drawn, settle

ACTION = "dataset.annotate"
CLAIM_US = 600_000_000
"""How long a candidate is shown to one annotator before another one gets it."""
ERASED = {"erased": True}
"""What stands in place of what was asked."""
_OPEN = ("waiting", "disputed")
_uuid7 = Uuid7()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What may become a case: what was asked, answered, and is thought to be right.

    `probability` is how likely it was to be drawn, None where nothing was drawn.
    """

    input: Any
    answer: Any = None
    expected: Any = None
    tags: tuple[str, ...] = ()
    cluster: str = ""
    call_id: str = ""
    endpoint: str = ""
    model: str = ""
    reason: str = ""
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Draft):
    """A draft in the queue. `wanted` is how many annotators are to look at it."""

    id: str
    dataset: str
    state: str
    wanted: int
    at_us: int
    actor: str
    published: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the queue of a dataset stands: candidates by state, and pairs of labels.

    Each pair is what the first two annotators of one candidate said; `annotators` are
    all who did so. A third one is asked about what is disputed, and does not count.
    """

    states: dict[str, int] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
    annotators: int = 0

    @property
    def open(self) -> int:
        """Return how many wait to be looked at."""
        return sum(self.states.get(state, 0) for state in _OPEN)


class Golden:
    """The queue of every dataset: put into it, work through it, empty it."""

    def __init__(self, database: Database, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us

    def add(
        self, dataset: str, drafts: Iterable[Draft], actor: str, double: float = 0.0
    ) -> int:
        """Put *drafts* into the queue of *dataset*; return how many are new to it.

        Of all, a share of *double* is to be looked at by two annotators. What was in
        the queue before, whatever became of it, is not put there again.
        """
        if not 0 <= double <= 1:
            raise Invalid("the share of double labels is from 0 to 1")
        rows, texts = self._rows(dataset, drafts, actor, double)
        with self._database.write() as connection:
            known = _known(connection, dataset, list(rows))
            new = [row for key, row in rows.items() if key not in known]
            if new:
                connection.execute(golden_candidates.insert(), new)
                chosen = [texts[row["digest"]] for row in new]
                connection.execute(golden_texts.insert(), chosen)
                reasons = sorted({row["reason"] for row in new})[:20]
                detail = {"added": len(new), "reasons": reasons}
                self._log(connection, actor, dataset, detail)
        return len(new)

    def _rows(
        self, dataset: str, drafts: Iterable[Draft], actor: str, double: float
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        rows: dict[str, dict[str, Any]] = {}
        texts: dict[str, dict[str, Any]] = {}
        for draft in drafts:
            key, name = key_of(draft.input), _uuid7()
            if key in rows:
                continue
            twice = drawn(f"{dataset} {key} twice", double)
            plain = ("reason", "probability", "call_id", "endpoint", "model", "cluster")
            rows[key] = {
                **{each: getattr(draft, each) for each in plain},
                "id": name,
                "dataset": dataset,
                "digest": key,
                "state": "waiting",
                "wanted": 2 if twice else 1,
                "tags": list(draft.tags),
                "at_us": self._now_us(),
                "actor": actor,
            }
            texts[key] = {
                "candidate": name,
                "input": draft.input,
                "answer": draft.answer,
                "expected": draft.expected,
            }
        return rows, texts

    def next(self, dataset: str, annotator: str, after: str = "") -> Candidate | None:
        """Return the next candidate for *annotator* to look at, None if none is left.

        It is shown to nobody else for ten minutes, unless two are to look at it.
        Nobody gets what they labelled before. *after* is passed over.
        """
        table, now_us = golden_candidates.c, self._now_us()
        mine = sa.select(golden_labels.c.candidate).where(
            golden_labels.c.annotator == annotator
        )
        free = sa.or_(
            table.claimed_us.is_(None),
            table.claimed_us < now_us - CLAIM_US,
            table.claimed_by == annotator,
            table.wanted > 1,
        )
        query = sa.select(table.id).where(
            table.dataset == dataset,
            table.state.in_(_OPEN),
            table.id.not_in(mine),
            table.id != after,
            free,
        )
        ordered = query.order_by(table.state, table.at_us, table.id).limit(1)
        with self._database.write() as connection:
            name = connection.execute(ordered).scalar()
            if name is None:
                return None
            claim = {"claimed_by": annotator, "claimed_us": now_us}
            one = golden_candidates.update().where(table.id == name)
            connection.execute(one.values(claim))
            return _candidates(connection, table.id == name)[0]

    def get(self, name: str) -> Candidate:
        """Return one candidate; raise NotFound."""
        with self._database.read() as connection:
            return _one(connection, name)

    def label(self, name: str, label: Label) -> Settled:
        """Keep what one annotator says of a candidate, and return how it stands then.

        Whoever says something else before it is settled says only that. Raises
        Conflict once it is settled, Invalid for an accepted case without a right
        answer where there was none.
        """
        with self._database.write() as connection:
            found = _one(connection, name)
            if found.state not in _OPEN:
                raise Conflict(f"this one was {found.state} meanwhile")
            row = {
                "candidate": name,
                "annotator": label.annotator,
                "verdict": label.verdict,
                "expected": label.expected if label.verdict == "accept" else None,
                "note": label.note[:2000],
                "at_us": self._now_us(),
            }
            upsert(connection, golden_labels, [row])
            settled = settle(_labels(connection, [name])[name], found.wanted)
            change = {"state": settled.state, "claimed_by": None, "claimed_us": None}
            one = golden_candidates.update().where(golden_candidates.c.id == name)
            connection.execute(one.values(change))
        return settled

    def list(self, dataset: str, state: str = "", limit: int = 100) -> list[Candidate]:
        """Return the candidates of *dataset* in a state, or all, oldest first."""
        table = golden_candidates.c
        where = [table.dataset == dataset]
        where += [table.state == state] if state else []
        with self._database.read() as connection:
            return _candidates(connection, sa.and_(*where), limit)

    def accepted(self, dataset: str) -> "list[tuple[Candidate, Settled]]":
        """Return what was accepted and is in no version yet, with what is expected."""
        table = golden_candidates.c
        where = sa.and_(table.dataset == dataset, table.state == "accepted")
        with self._database.read() as connection:
            found = _candidates(connection, where)
            said = _labels(connection, [each.id for each in found])
        return [(each, settle(said[each.id], each.wanted)) for each in found]

    def published(
        self, ids: Sequence[str], version: str, actor: str, labels: str
    ) -> None:
        """Write down that candidates are in *version*; *labels* is their digest."""
        dataset = version.partition("@")[0]
        table = golden_candidates
        with self._database.write() as connection:
            for name in ids:
                one = sa.and_(table.c.id == name, table.c.state == "accepted")
                done = {"state": "published", "published": version}
                connection.execute(table.update().where(one).values(done))
            detail = {"published": version, "cases": len(ids), "labels": labels}
            self._log(connection, actor, dataset, detail)

    def labels_of(self, ids: Sequence[str]) -> "dict[str, list[Label]]":
        """Return what annotators said of these candidates."""
        with self._database.read() as connection:
            return _labels(connection, ids)

    def standing(self, dataset: str) -> Standing:
        """Return how the queue of *dataset* stands."""
        table = golden_candidates.c
        with self._database.read() as connection:
            states = sa.select(table.state, sa.func.count())
            states = states.where(table.dataset == dataset).group_by(table.state)
            counts = {state: n for state, n in connection.execute(states)}
            twice = sa.select(table.id).where(table.dataset == dataset)
            twice = twice.where(table.wanted > 1)
            ids = list(connection.execute(twice).scalars())
            said = _labels(connection, ids)
        pairs = list(_pairs(said.values()))
        return Standing(
            states=counts,
            pairs=tuple((one.key, other.key) for one, other in pairs),
            annotators=len({label.annotator for both in pairs for label in both}),
        )

    def erase(self, call_id: str) -> int:
        """Erase what candidates of a call hold of it; return how many there were.

        They are rejected, unless they are in a version, which is erased as any blob.
        """
        table = golden_candidates.c
        with self._database.write() as connection:
            texts = golden_texts.c
            query = sa.select(table.id).join(golden_texts, texts.candidate == table.id)
            query = query.where(table.call_id == call_id, texts.input != ERASED)
            ids = [*connection.execute(query).scalars()]
            mine = golden_texts.c.candidate.in_(ids)
            gone = {"input": ERASED, "answer": None, "expected": None}
            connection.execute(golden_texts.update().where(mine).values(gone))
            said = golden_labels.update().where(golden_labels.c.candidate.in_(ids))
            connection.execute(said.values(expected=None, note=""))
            open_ones = sa.and_(table.id.in_(ids), table.state != "published")
            change = golden_candidates.update().where(open_ones)
            connection.execute(change.values(state="rejected"))
        return len(ids)

    def datasets(self) -> "list[str]":
        """Return the names of the datasets that have or had candidates."""
        table = golden_candidates.c
        query = sa.select(table.dataset).distinct().order_by(table.dataset)
        with self._database.read() as connection:
            return [*connection.execute(query).scalars()]

    def _log(
        self, connection: sa.Connection, actor: str, dataset: str, detail: Any
    ) -> None:
        entry = Entry(actor, ACTION, f"Dataset/{dataset}", detail=detail)
        append(connection, self._now_us(), entry)


def verdict_of(text: str) -> Verdict:
    """Return *text* as a verdict; raise Invalid."""
    known: dict[str, Verdict] = {"accept": "accept", "reject": "reject", "skip": "skip"}
    if text not in known:
        raise Invalid(f"{text[:40]!r} is no verdict", hint="accept, reject or skip")
    return known[text]


def _known(connection: sa.Connection, dataset: str, keys: Sequence[str]) -> set[str]:
    table, found = golden_candidates.c, set[str]()
    for at in range(0, len(keys), 500):
        some = sa.and_(table.dataset == dataset, table.digest.in_(keys[at : at + 500]))
        found |= set(connection.execute(sa.select(table.digest).where(some)).scalars())
    return found


def _one(connection: sa.Connection, name: str) -> Candidate:
    found = _candidates(connection, golden_candidates.c.id == name)
    if not found:
        raise NotFound(f"there is no candidate {name[:80]!r}")
    return found[0]


def _candidates(
    connection: sa.Connection, where: sa.ColumnElement[bool], limit: int | None = None
) -> list[Candidate]:
    table, texts = golden_candidates, golden_texts
    query = sa.select(table, texts.c.input, texts.c.answer, texts.c.expected)
    query = query.join(texts, texts.c.candidate == table.c.id).where(where)
    query = query.order_by(table.c.at_us, table.c.id).limit(limit)
    names = Candidate.__dataclass_fields__
    found: list[Candidate] = []
    for row in connection.execute(query).mappings():
        plain = {n: row[n] for n in names if n in row}
        plain |= {"tags": tuple(row["tags"]), "published": row["published"] or ""}
        found.append(Candidate(**plain))
    return found


def _labels(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Label]]:
    said: dict[str, list[Label]] = {name: [] for name in ids}
    table = golden_labels.c
    for at in range(0, len(ids), 500):
        some = table.candidate.in_(ids[at : at + 500])
        query = sa.select(golden_labels).where(some)
        for row in connection.execute(query.order_by(table.at_us, table.annotator)):
            label = Label(
                annotator=row.annotator,
                verdict=row.verdict,
                expected=row.expected,
                note=row.note,
            )
            said[row.candidate].append(label)
    return said


def _pairs(said: Iterable[Sequence[Label]]) -> Iterable[tuple[Label, Label]]:
    for labels in said:
        votes = [label for label in labels if label.verdict != "skip"]
        if len(votes) > 1:
            yield votes[0], votes[1]
