"""What judges, people and the world said of a rollout's answers since the last look.

What is said comes late, by hours or weeks. So it counts when it came, once: a grade
when it first had a value, and of what somebody says the first word. What is graded
again or taken back does not change what a look has seen.

The unit is the bucket that the call fell into, the nearest to whoever was assigned
that is kept with a grade: all of a bucket are on the same side. Where a switch was
made for all at once, it is the call.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.evals.feedback_tables import feedback
from roadbed.evals.online_tables import online_grades
from roadbed.inference.record import MIRRORED
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.tally import SIDES, Side

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing that was said of one call; `value` is higher where it is worse."""

    side: Side
    unit: str
    metric: str
    value: float
    call: str = ""
    probability: float = 1.0


def looks(
    connection: sa.Connection, rollout: Rollout, since_us: int, until_us: int
) -> dict[str, Both]:
    """Return what came from *since_us* on and before *until_us*, by metric.

    `judged-bad`: units with an answer that a grader of right and wrong called wrong.
    `score`: the mean of what graders said, its sign turned where higher is better;
    where none grades the calls of the endpoint, the error of predictions whose outcome
    became known. `disliked`: units that gave a thumb down, of those that gave one. A
    metric of which nothing came is absent. In the shadow, the newer version's side is
    what graders said of copies.

    Calls were drawn for grading more or less likely, so of the likelier ones as many
    are left out by chance as it takes for all to be alike. Where all units got the
    newer version at once, the older one's side is what came at the same time on the
    day before the switch.
    """
    span = since_us, until_us
    said = [*_graded(connection, rollout, span)]
    if not said and not _is_graded(connection, rollout):
        said = [*_outcomes(connection, rollout, span)]
    said += _thumbs(connection, rollout, span)
    found = {
        "judged-bad": _shares(said, "judged-bad"),
        "disliked": _shares(said, "disliked"),
        "score": _means(said, "score"),
    }
    return {name: both for name, both in found.items() if both is not None}


def paired(connection: sa.Connection, rollout: Rollout) -> dict[str, Numbers]:
    """Return how much higher copies were graded than their calls, by grader.

    Each pair that one grader of one evaluation graded is a difference; it takes far
    fewer of them than of answers to different questions. Higher is what the grader
    says, better or not. Shown to people; it judges nothing.
    """
    copy, call = online_grades.alias(), online_grades.alias()
    same = [copy.c[n] == call.c[n] for n in ("evaluation", "grader", "digest")]
    query = (
        sa.select(copy.c.evaluation, copy.c.grader, copy.c.value, call.c.value)
        .join(call, sa.and_(copy.c.mirrors == call.c.call_id, *same))
        .where(
            copy.c.rollout == rollout.id,
            copy.c.arm == MIRRORED,
            copy.c.value.is_not(None),
            call.c.value.is_not(None),
        )
    )
    found: dict[str, list[float]] = defaultdict(list)
    for evaluation, grader, newer, older in connection.execute(query):
        found[f"{evaluation}: {grader}"].append(newer - older)
    return {name: Numbers.of(*values) for name, values in found.items()}


def _shares(said: Iterable[_Said], metric: str) -> Both | None:
    """Return how many units are bad: those of which anything bad was said."""
    units: dict[Side, dict[str, bool]] = {side: {} for side in SIDES}
    for each in said:
        if each.metric == metric:
            known = units[each.side]
            known[each.unit] = known.get(each.unit, False) or each.value > 0
    old, new = (Counts(sum(units[s].values()), len(units[s])) for s in SIDES)
    return Both(old=old, new=new) if old.of or new.of else None


def _means(said: Iterable[_Said], metric: str) -> Both | None:
    """Return the mean of each unit: of the means of its calls."""
    calls: dict[tuple[Side, str], dict[str, list[float]]]
    calls = defaultdict(lambda: defaultdict(list))
    for each in said:
        if each.metric == metric:
            calls[each.side, each.unit][each.call].append(each.value)
    sides: dict[Side, list[float]] = {side: [] for side in SIDES}
    for (side, _), of_unit in calls.items():
        sides[side].append(_mean([_mean(values) for values in of_unit.values()]))
    old, new = (Numbers.of(*sides[side]) for side in SIDES)
    return Both(old=old, new=new) if old.n or new.n else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _graded(
    connection: sa.Connection, rollout: Rollout, span: tuple[int, int]
) -> Iterator[_Said]:
    table = online_grades.c
    rows = _rows(connection, rollout, online_grades, (table.told_us, span))
    rows = [row for row in rows if row.value is not None and row.higher is not None]
    least: dict[str, float] = {}
    for row in rows:
        before = least.get(row.evaluation, 1.0)
        least[row.evaluation] = min(before, row.probability)
    for row in rows:
        if not _kept(row.evaluation, row.call_id, least[row.evaluation], row):
            continue
        worse = -row.value if row.higher else row.value
        side, unit, call = _side(rollout, row), _unit(rollout, row), row.call_id
        yield _Said(side, unit, "score", worse, call)
        if row.binary:
            bad = row.value == (0.0 if row.higher else 1.0)
            yield _Said(side, unit, "judged-bad", float(bad), call)


def _kept(evaluation: str, call: str, least: float, row: Any) -> bool:
    """Say whether chance keeps a call that was drawn likelier than the *least* likely.

    By the call, so that all its grades are kept or none.
    """
    name = f"rollout {evaluation} {call}".encode()
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
    return number / 2**64 < least / row.probability


def _is_graded(connection: sa.Connection, rollout: Rollout) -> bool:
    """Say whether any grader has told anything of this rollout's calls yet."""
    table = online_grades.c
    query = sa.select(table.call_id).where(
        table.rollout == rollout.id, table.told_us.is_not(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def _thumbs(
    connection: sa.Connection, rollout: Rollout, span: tuple[int, int]
) -> Iterator[_Said]:
    for row in _first_words(connection, rollout, "thumbs", span):
        side, unit = _side(rollout, row), _unit(rollout, row)
        yield _Said(side, unit, "disliked", float(not row.number), row.call_id)


def _outcomes(
    connection: sa.Connection, rollout: Rollout, span: tuple[int, int]
) -> Iterator[_Said]:
    for row in _first_words(connection, rollout, "outcome", span):
        if row.error is not None:
            side, unit = _side(rollout, row), _unit(rollout, row)
            yield _Said(side, unit, "score", row.error, row.call_id)


def _first_words(
    connection: sa.Connection, rollout: Rollout, kind: str, span: tuple[int, int]
) -> list[Any]:
    table = feedback.c
    own = [table.kind == kind, table.turn == 1]
    return _rows(connection, rollout, feedback, (table.at_us, span), own)


def _rows(
    connection: sa.Connection,
    rollout: Rollout,
    table: sa.Table,
    when: tuple[sa.Column[Any], tuple[int, int]],
    own: Sequence[sa.ColumnElement[bool]] = (),
) -> list[Any]:
    """Return what came within a span of calls of *rollout* that chance assigned.

    Of a switch for all at once, also what came a day before of calls from before.
    """
    column, (since_us, until_us) = when
    within = sa.and_(column >= since_us, column < until_us)
    arms = ["old", MIRRORED if rollout.state.phase == "shadow" else "new"]
    mine = sa.and_(table.c.rollout == rollout.id, table.c.arm.in_(arms), within)
    if _at_once(rollout):
        back = sa.and_(column >= since_us - DAY_US, column < until_us - DAY_US)
        before = sa.and_(
            table.c.tenant == rollout.tenant,
            table.c.endpoint == rollout.endpoint,
            table.c.model == rollout.old,
            table.c.called_us < rollout.started_us,
            back,
        )
        mine = sa.or_(mine, before)
    return list(connection.execute(sa.select(table).where(mine, *own)))


def _at_once(rollout: Rollout) -> bool:
    return rollout.plan.strategy == "blue-green"


def _side(rollout: Rollout, row: Any) -> Side:
    newer = row.rollout == rollout.id and row.arm in ("new", MIRRORED)
    return "new" if newer else "old"


def _unit(rollout: Rollout, row: Any) -> str:
    return row.call_id if _at_once(rollout) or not row.bucket else str(row.bucket)
