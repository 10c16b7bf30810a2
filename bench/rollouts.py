"""How often rollouts are rolled back wrongly, and how soon rightly.

Simulated: a tenth of the calls goes to the newer version, and somebody looks once a
minute for an hour. Beside our bet stand what others do: a fixed limit on the error rate
of the newer version alone (as most templates of progressive delivery have it), a z-test
at each look, and Mann-Whitney over error rates by the minute, judged every ten minutes
(as Kayenta does, in short). `bench/rollouts.py 200`
simulates fewer of each; the default is 2,000, and of Mann-Whitney a fifth of that.

`python -m bench.rollouts histories 10000` plays so many made-up rollouts instead, with
whatever versions and people may do, and holds each to `tests/rollouts/invariants.py`.
"""

import math
import random
import statistics
import sys
import tempfile
from collections import Counter
from typing import Any

from roadbed.rollouts.harm import Counts, watched
from roadbed.rollouts.power import detectable
from roadbed.rollouts.wagers import Wager

SEED, KEPT = 20261126, 60
ALPHA, LOOKS, SHARE, BASE = 0.05, 60, 0.1, 0.02
TRAFFIC, RATES = (20, 100, 1000), (0.02, 0.03, 0.05, 0.2)


def main() -> None:
    """Simulate, and print one table."""
    if sys.argv[1:2] == ["histories"]:
        return histories(int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
    rollouts = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    print(f"seed {SEED}, {rollouts} rollouts each, {LOOKS} looks, base rate {BASE}")
    print(f"{'calls/min':>9} {'rate':>5}  " + "  ".join(f"{n:>16}" for n in RULES))
    good = True
    for traffic in TRAFFIC:
        for rate in RATES:
            found = simulate(traffic, rate, rollouts)
            print(f"{traffic:>9} {rate:>5}  " + "  ".join(found[n][0] for n in RULES))
            good &= fits(traffic, rate, *found["bet"][1:])
        seen = detectable(
            BASE, traffic * (1 - SHARE) * LOOKS, traffic * SHARE * LOOKS, ALPHA
        )
        print(f"{'':>9} the plan says: {seen:.3f} is found out within the hour")
    sys.exit(0 if good else 1)


def histories(count: int) -> None:
    """Play *count* histories, hold each to the rules, and print where they ended."""
    from tests.rollouts.histories import play
    from tests.rollouts.invariants import RULES

    ends, kept, moments = Counter[str](), [], 0
    for number in range(count):
        history = play(SEED + number)
        try:
            for rule in RULES:
                rule(history)
        except AssertionError:
            print(f"seed {SEED + number}: not so: {rule.__name__}")
            raise
        ends[history.end.phase] += 1
        if number < KEPT:
            kept.append(history)
        moments += len(history.moments)
    print(f"seed {SEED}, {count:,} histories, {moments:,} moments, {len(RULES)} rules")
    for phase, often in ends.most_common():
        print(f"{phase:>14} {often:>7,}")
    keep_all(kept)
    print(f"every rule held in every history, and in {len(kept)} kept in SQLite")


def keep_all(kept: list[Any]) -> None:
    """Put each of *kept* through the store, on an endpoint that all of them share."""
    from roadbed.database.engine import open_database
    from roadbed.database.tables import metadata
    from tests.conftest import import_tables
    from tests.rollouts.histories import keep
    from tests.rollouts.test_store import a_rollout

    import_tables()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/control.db")
        with database.write() as connection:
            metadata.create_all(connection)
            for number, history in enumerate(kept):
                named = {"id": f"ro-{number}", "started_us": number}
                keep(connection, history, a_rollout(plan=history.plan, **named))
        database.close()


def fits(traffic: int, rate: float, share: float, minute: float | None) -> bool:
    """Say whether what was asked for holds, and print it if it does not."""
    limit = {20: 15, 100: 3}.get(traffic)
    if rate == BASE and share > 0.02:
        print(f"          false rollbacks: {share:.1%}, more than the 2 % asked for")
        return False
    if rate == 0.2 and limit and (share < 1 or not minute or minute > limit):
        print(f"          found after {minute} min, later than the {limit} asked for")
        return False
    return True


class Arms:
    """Everything seen so far in one rollout, as each rule wants it."""

    def __init__(self) -> None:
        self.wager = Wager()
        self.old, self.new = Counts(0, 0), Counts(0, 0)
        self.failed = 0
        self.by_minute: list[tuple[float, float]] = []

    def see(self, old: Counts, new: Counts) -> None:
        """Take one look."""
        self.wager = watched(self.wager, old, new)
        self.old, self.new = self.old + old, self.new + new
        self.failed += (new.rate or 0.0) > 0.05
        if new.of:
            self.by_minute.append((old.rate or 0.0, new.rate or 0.0))


def bet(arms: Arms) -> bool:
    """Return our own verdict."""
    return arms.wager.refutes(ALPHA)


def limit(arms: Arms) -> bool:
    """Return whether the error rate was once above 5 %."""
    return arms.failed > 0


def limit3(arms: Arms) -> bool:
    """Return whether it was more than three times."""
    return arms.failed > 3


def z_test(arms: Arms) -> bool:
    """Return whether a one-sided z-test says so, looked at whenever one likes."""
    old, new = arms.old, arms.new
    both = (old.bad + new.bad) / max(1, old.of + new.of)
    if not (0 < both < 1 and old.of and new.of):
        return False
    spread = math.sqrt(both * (1 - both) * (1 / old.of + 1 / new.of))
    return (new.bad / new.of - old.bad / old.of) / spread > 1.645


def ranks(arms: Arms) -> bool:
    """Return whether Mann-Whitney says so, every ten minutes, at 1 %."""
    if not arms.by_minute or len(arms.by_minute) % 10:
        return False
    from scipy.stats import mannwhitneyu

    old, new = zip(*arms.by_minute, strict=True)
    return mannwhitneyu(new, old, alternative="greater").pvalue < 0.01


RULES = {
    "limit": limit,
    "limit, 3 times": limit3,
    "z-test": z_test,
    "ranks": ranks,
    "bet": bet,
}


def simulate(
    traffic: int, rate: float, rollouts: int
) -> dict[str, tuple[str, float, float | None]]:
    """Return for each rule how many were rolled back, and after how many minutes."""
    chance = random.Random(f"{SEED}-{traffic}-{rate}")
    ended: dict[str, list[int]] = {name: [] for name in RULES}
    for number in range(rollouts):
        one_rollout(chance, traffic, rate, ended, slow=number < rollouts // 5)
    found = {}
    for name, minutes in ended.items():
        of = rollouts // 5 if name == "ranks" else rollouts
        share, middle = len(minutes) / of, None
        if minutes:
            middle = statistics.median(minutes)
        when = f"@{middle:.0f}" if middle and share > 0.05 else ""
        found[name] = (f"{share:>11.1%}{when:>5}", share, middle)
    return found


def one_rollout(
    chance: random.Random,
    traffic: int,
    rate: float,
    ended: dict[str, list[int]],
    *,
    slow: bool,
) -> None:
    """Play one hour and note for each rule when it ended the rollout."""
    arms, going = Arms(), {n: r for n, r in RULES.items() if slow or n != "ranks"}
    for minute in range(1, LOOKS + 1):
        new = few(chance, traffic, SHARE)
        old = traffic - new
        arms.see(
            Counts(few(chance, old, BASE), old), Counts(few(chance, new, rate), new)
        )
        for name in [n for n, rule in going.items() if rule(arms)]:
            ended[name].append(minute)
            del going[name]
        if not going:
            return


def few(chance: random.Random, n: int, rate: float) -> int:
    """Return how many of *n* come out true, by the gaps between them."""
    count, at, log = 0, -1, math.log1p(-rate)
    while True:
        at += 1 + int(math.log(1.0 - chance.random()) / log)
        if at >= n:
            return count
        count += 1


if __name__ == "__main__":
    main()
