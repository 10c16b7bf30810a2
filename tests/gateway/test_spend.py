"""What calls have cost, in the spool and sealed, by whatever one asks."""

import pytest

from roadbed.core.errors import Invalid
from roadbed.gateway.history import Span
from roadbed.gateway.money.spend import costs, label_of, since_us
from roadbed.testing.history_contract import NOON_US, a_record

DAY_US = 86_400_000_000
SPAN = Span(since_us=NOON_US - DAY_US, until_us=NOON_US + DAY_US, step_us=DAY_US)
MUCH = 2**53 - 1


def test_spool_and_history_add_up_exactly(yard):
    paid = {"price": "p", "cost_nano": MUCH, "labels": {"team": "x"}, "status": "ok"}
    sealed = [a_record(n, **paid, model="dear@1", input_tokens=7) for n in range(3)]
    live = [a_record(9, **paid, model="dear@2"), a_record(10, status="ok")]
    yard.sealer.seal(yard.spool(*((r, None) for r in sealed), seq=1))
    yard.spool(*((r, None) for r in live), seq=2)

    by_team = costs(yard.log.spend(SPAN, label_of("team")), "team")
    by_model = {c.name: c for c in costs(yard.log.spend(SPAN), "model")}

    assert [(c.name, c.calls, c.cost_nano) for c in by_team] == [
        ("x", 4, 4 * MUCH),
        ("", 1, 0),
    ]
    assert by_team[1].unpriced == 1
    assert by_model["dear@1"].cost_nano == 3 * MUCH
    assert by_model["dear@1"].input_tokens == 21
    assert [c.name for c in costs(yard.log.spend(SPAN), "day")] == ["2026-11-21"]


def test_copies_are_in_the_cost_of_no_endpoint_and_of_no_caller(yard):
    known = {"status": "ok", "endpoint": "bot", "principal": "user:a", "model": "m@1"}
    known |= {"labels": {"team": "x"}}
    for seq in (1, 2):
        asked = a_record(seq, **known, cost_nano=1)
        copy = a_record(seq + 4, **known, cost_nano=2, arm="mirrored")
        spool = yard.spool((asked, None), (copy, None), seq=seq)
        if seq == 1:
            yard.sealer.seal(spool)

    def split(by):
        found = costs(yard.log.spend(SPAN, label_of(by)), by)
        return {cost.name: cost.cost_nano for cost in found}

    assert split("endpoint") == {"bot": 2, "bot (mirrored)": 4}
    assert split("principal") == {"user:a": 2, "user:a (mirrored)": 4}
    assert split("team") == {"x": 2, "x (mirrored)": 4}
    assert split("model") == {"m@1": 6}
    assert [point.calls for point in yard.log.series(SPAN)] == [2]


@pytest.mark.parametrize("by", ["price", "label:", "label:a b", 'label:x"y', ""])
def test_a_way_to_split_that_is_none_is_refused(by):
    with pytest.raises(Invalid, match="not split by"):
        label_of(by)


def test_a_stretch_of_time_is_hours_days_or_weeks():
    assert since_us("12h", NOON_US) == NOON_US - DAY_US // 2
    assert since_us("2w", NOON_US) == NOON_US - 14 * DAY_US
    with pytest.raises(Invalid):
        since_us("7", NOON_US)
