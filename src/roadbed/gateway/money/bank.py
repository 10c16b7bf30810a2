"""Where budgets are counted: each act is one transaction of the control database."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import NamedTuple

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.gateway.alerts import Alert, raise_alert
from roadbed.gateway.money.lease import Ask, Counter, Drawn, Lease, passed
from roadbed.gateway.money.rule import BudgetRule, Key, dollars
from roadbed.gateway.tables import alerts, budget_counters, budget_leases

SPENT = "budget.spent"
"""The code of the alerts about budgets."""
KEPT_US = 62 * 24 * 3600 * 1_000_000
"""How long after it began a window is kept: a month, and another to look back at."""
_BEGIN = sa.text(
    "INSERT INTO budget_counters "
    "(budget, since_us, run, leased, settled, recalls, recalled_us, told) "
    "VALUES (:budget, :since_us, :run, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
)


class Report(NamedTuple):
    """What one process has spent under a key, holds for calls, and gives back."""

    key: Key
    rule: BudgetRule
    spent: int
    bound: int
    idle: int = 0
    recall: int = 0


class Bank:
    """Counts budgets for the process *holder*. Every method blocks."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self.holder = holder

    def draw(self, key: Key, rule: BudgetRule, ask: Ask, now_us: int) -> Drawn:
        """Lease what is asked for, if it can be had."""
        with (
            self._database.write() as connection,
            self._locked(connection, key, rule, now_us) as counter,
        ):
            drawn = counter.draw(self.holder, ask, now_us)
            if drawn.refused and 100 in rule.marks and counter.told < 100:
                counter.told = 100
                _tell(connection, key, rule, 100, now_us)
        return drawn

    def report(self, reports: Iterable[Report], now_us: int) -> dict[Key, int]:
        """Take down what was spent, and take back what is idle.

        Returns what is leased to this process now, by key.
        """
        granted = {}
        with self._database.write() as connection:
            for each in sorted(reports):
                place = connection, each.key, each.rule, now_us
                with self._locked(*place) as counter:
                    self._take(connection, each, counter, now_us)
                    granted[each.key] = counter.leases[self.holder].granted
        return granted

    def leave(
        self, reports: Iterable[Report], now_us: int, *, told: bool = False
    ) -> None:
        """Take down what was spent, and close the leases.

        Of what was *told* before, a lease that is not there was closed: this is tried
        again, for the answer of the database was lost.
        """
        with self._database.write() as connection:
            for each in sorted(reports):
                place = connection, each.key, each.rule, now_us
                with self._locked(*place) as counter:
                    if told and self.holder not in counter.leases:
                        continue
                    self._take(connection, each, counter, now_us)
                    counter.leave(self.holder)

    def _take(
        self, connection: sa.Connection, each: Report, counter: Counter, now_us: int
    ) -> None:
        """Take down one report, and tell of the mark that it reaches."""
        counter.report(self.holder, each.spent, each.bound, now_us)
        counter.answer(self.holder, each.idle, each.recall, now_us)
        _look(connection, each, counter, now_us)

    def forget(self, now_us: int) -> int:
        """Drop the windows that began longer ago than is kept, with their leases.

        What never renews stays for good. Returns how many windows were dropped.
        """

        def over(table: sa.Table) -> sa.Delete:
            since = table.c.since_us
            return table.delete().where(since > 0, since < now_us - KEPT_US)

        with self._database.write() as connection:
            connection.execute(over(budget_leases))
            return connection.execute(over(budget_counters)).rowcount

    @contextmanager
    def _locked(
        self, connection: sa.Connection, key: Key, rule: BudgetRule, now_us: int
    ) -> Iterator[Counter]:
        """Hold the counter of *key* while it is changed, and write it back."""
        counter = _read(connection, key)
        if counter is None:
            _begin(connection, key, rule, now_us)
            counter = _read(connection, key)
            assert counter is not None
        known = self.holder in counter.leases
        yield counter
        _write(connection, key, counter)
        _write_lease(connection, key, self.holder, counter, known=known)

    def recalls(self) -> dict[Key, int]:
        """Return the recalls that this process has not answered yet, by key."""
        lease, counter = budget_leases.c, budget_counters.c
        same = sa.and_(
            counter.budget == lease.budget,
            counter.since_us == lease.since_us,
            counter.run == lease.run,
        )
        query = (
            sa.select(lease.budget, lease.since_us, lease.run, counter.recalls)
            .select_from(budget_leases.join(budget_counters, same))
            .where(lease.holder == self.holder, counter.recalls > lease.answered)
        )
        with self._database.read() as connection:
            return {Key(*row[:3]): row[3] for row in connection.execute(query)}


def counters(connection: sa.Connection, budgets: Iterable[str]) -> dict[Key, Counter]:
    """Return how the *budgets* of these names stand, in all their windows."""
    names = list(budgets)
    table = budget_counters
    query = sa.select(table).where(table.c.budget.in_(names))
    found = {Key(*row[:3]): Counter(*row[3:]) for row in connection.execute(query)}
    leases = sa.select(budget_leases).where(budget_leases.c.budget.in_(names))
    for row in connection.execute(leases):
        found[Key(*row[:3])].leases[row.holder] = Lease(*row[4:])
    return found


def _read(connection: sa.Connection, key: Key) -> Counter | None:
    table = budget_counters
    query = sa.select(table).where(*_at(table, key)).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        return None
    leases = sa.select(budget_leases).where(*_at(budget_leases, key))
    known = {r.holder: Lease(*r[4:]) for r in connection.execute(leases)}
    return Counter(*row[3:], leases=known)


def _begin(connection: sa.Connection, key: Key, rule: BudgetRule, now_us: int) -> None:
    """Make a counter, and say that the window before is over."""
    connection.execute(_BEGIN, key._asdict())
    if not rule.scope.run:
        over = sa.and_(
            alerts.c.code == SPENT,
            alerts.c.message.startswith(f"budget {key.budget}: ", autoescape=True),
            alerts.c.cleared.is_(None),
        )
        connection.execute(alerts.update().where(over).values(cleared=now_us))


def _write(connection: sa.Connection, key: Key, counter: Counter) -> None:
    values = {k: v for k, v in asdict(counter).items() if k != "leases"}
    table = budget_counters
    connection.execute(table.update().where(*_at(table, key)).values(values))


def _write_lease(
    connection: sa.Connection, key: Key, holder: str, counter: Counter, *, known: bool
) -> None:
    table, lease = budget_leases, counter.leases.get(holder)
    here = (*_at(table, key), table.c.holder == holder)
    if lease is None:
        connection.execute(table.delete().where(*here))
    elif known:
        connection.execute(table.update().where(*here).values(asdict(lease)))
    else:
        row = {**key._asdict(), "holder": holder, **asdict(lease)}
        connection.execute(table.insert().values(row))


def _at(table: sa.Table, key: Key) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key._asdict().items()]


def _look(
    connection: sa.Connection, each: Report, counter: Counter, now_us: int
) -> None:
    """Tell somebody when the budget has reached the next mark."""
    rule = each.rule
    mark = passed(counter.spent(now_us), rule.amount, rule.marks, counter.told)
    if mark:
        counter.told = mark
        _tell(connection, each.key, rule, mark, now_us)


def _tell(
    connection: sa.Connection, key: Key, rule: BudgetRule, mark: int, now_us: int
) -> None:
    run = f" by the run {key.run}" if key.run else ""
    alert = Alert(
        code=SPENT,
        message=f"budget {key.budget}: {mark} % of ${dollars(rule.amount)} is spent"
        f"{run}",
        severity="critical" if mark >= 100 and rule.refuses else "warning",
        detail={"budget": key.budget, "percent": mark, "since_us": key.since_us},
    )
    raise_alert(connection, alert, now_us)
