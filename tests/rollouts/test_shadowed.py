"""How often copies disagreed is read from the call log, and from nothing else."""

import pytest

from roadbed.rollouts.shadowed import Agreement, agreement
from tests.evals.line import NOW_US, Line
from tests.rollouts.test_store import a_rollout


@pytest.fixture
def line(tmp_path, database):
    return Line(tmp_path, database)


def a_copy(line, number, says, **facts):
    labels = {"mirrored": "ro-1"} | ({"agrees": says} if says else {})
    known = {"model": "bot@2", "arm": "mirrored", "labels": labels, "cost_nano": 5}
    return line.said(number, "Q", "A", **(known | facts))


def test_copies_are_counted_by_whether_they_agree(line):
    rollout = a_rollout(started_us=NOW_US)
    copies = [a_copy(line, n, "yes") for n in range(1, 6)]
    copies += [a_copy(line, n, "no") for n in range(6, 8)]
    copies += [a_copy(line, 8, ""), a_copy(line, 9, "", status="error")]
    others = [
        a_copy(line, 10, "no", model="bot@3"),
        a_copy(line, 11, "no", endpoint="other"),
        a_copy(line, 12, "no", arm="new"),
        a_copy(line, 13, "no", ts=NOW_US - 1),
        a_copy(line, 14, "no", tenant="acme"),
    ]
    line.seal(*copies, *others)

    found = agreement(line.calls, rollout, NOW_US + 1_000)

    assert found == Agreement(same=5, other=2, untold=2, cost_nano=45)
    assert (found.copies, found.disagreement) == (9, 2 / 7)
    assert agreement(line.calls, a_rollout(endpoint="no"), NOW_US).disagreement is None
