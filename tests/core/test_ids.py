"""Ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.core.ids import Uuid7, split_call_id


def test_ids_of_one_process_only_grow():
    make = Uuid7()
    ids = [make() for _ in range(10_000)]

    assert ids == sorted(set(ids))


def test_ids_grow_even_when_the_clock_steps_back():
    times = iter([5_000_000_000, 4_000_000_000, 4_000_000_000, 6_000_000_000])
    make = Uuid7(now_ns=lambda: next(times))
    ids = [make() for _ in range(4)]

    assert ids == sorted(set(ids))


@given(st.integers(1, 2**47), st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True))
def test_a_call_id_says_region_and_time(ms, region):
    call_id = f"{region}-{Uuid7(now_ns=lambda: ms * 1_000_000)()}"

    assert split_call_id(call_id) == (region, ms)


PLAIN = "01a1f896-2693-7692-bb80-568e4d3db12d"


@pytest.mark.parametrize("text", ["", "eu", "eu-123", f"EU-{PLAIN}", PLAIN])
def test_anything_else_is_refused_with_a_hint(text):
    with pytest.raises(Invalid) as refusal:
        split_call_id(text)

    assert "x-roadbed-call" in refusal.value.hint
