"""What an entry is, and what its leaf commits to."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.entry import Entry, Recorded
from roadbed.core.errors import Invalid

ENTRY = Entry("service-account:ci", "stack.apply", "Endpoint/a", detail={"to": 2})


def test_a_leaf_is_the_same_for_ever():
    assert ENTRY.hash_at(7, 1_763_632_800_000_000).hex() == (
        "04611fa287e2bfbcc556fc6784aa8acfb354dcd82ac803371f8213f2d37d685e"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "service-account:cd"},
        {"action": "stack.plan"},
        {"resource": "Endpoint/b"},
        {"outcome": "denied"},
        {"detail": {"to": 3}},
        {"detail": {}},
    ],
)
def test_every_part_of_an_entry_is_in_its_leaf(change):
    assert replace(ENTRY, **change).hash_at(7, 1) != ENTRY.hash_at(7, 1)
    assert ENTRY.hash_at(8, 1) != ENTRY.hash_at(7, 1) != ENTRY.hash_at(7, 2)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=700), st.dictionaries(st.text(), st.text()))
def test_whatever_a_stranger_wrote_can_be_logged(text, detail):
    clean = Entry(text, text, text, "denied", detail).cleaned()

    assert clean.resource.isprintable() or not clean.resource
    assert len(clean.resource) <= 512
    assert clean.cleaned() == clean
    clean.hash_at(1, 1)


def test_half_a_surrogate_does_not_stop_the_log():
    clean = Entry("a\udc80", "b\x00", "c\x1b[2J", "denied", {"x": ["\udc80"]}).cleaned()

    assert (clean.actor, clean.action) == ("a?", "b\N{REPLACEMENT CHARACTER}")
    assert "\x1b" not in clean.resource
    assert clean.detail == {"x": ["?"]}


@pytest.mark.parametrize(
    "detail", [{"x": float("nan")}, {"x": object()}, {"x": 2**60 + 1}]
)
def test_a_detail_that_is_not_json_is_refused(detail):
    with pytest.raises(Invalid, match=r"no canonical JSON|cannot hold"):
        Entry("a", "b", "c", detail=detail).cleaned()


def test_a_detail_spelled_otherwise_is_not_what_was_written():
    row = Recorded(
        "a", "b", "c", detail={"x": 1}, seq=1, at_us=1, leaf="", stored_detail=""
    )

    assert replace(row, stored_detail='{"x":1}').computed() == row.hash_at(1, 1)
    assert replace(row, stored_detail='{"x": 1}').computed() is None
