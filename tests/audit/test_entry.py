"""What an entry is, and what its leaf commits to."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.entry import MAX_DETAIL_BYTES, Entry, Recorded
from roadbed.core.digest import canonical, digest_of
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


@settings(max_examples=200, deadline=None)
@given(*(st.text() for _ in range(4)), st.dictionaries(st.text(), st.text()))
def test_a_leaf_is_canonical_json(actor, action, resource, outcome, detail):
    entry = Entry(actor, action, resource, outcome, detail)
    said = {"actor": actor, "action": action, "resource": resource}
    content = {**said, "outcome": outcome, "detail": detail, "seq": 7, "at": 2**52}

    assert entry.data_at(7, 2**52) == canonical(content)


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
    assert replace(row, stored_detail='{"x": 1}').computed() != row.hash_at(1, 1)


def test_a_detail_that_is_too_long_is_refused_or_cut_to_its_digest():
    long = {"x": "\N{SNOWMAN}" * 30_000}

    with pytest.raises(Invalid, match="and 58,000 are the most"):
        Entry("a", "b", "c", detail=long).cleaned()
    cut = Entry("a", "b", "c", "denied", long).cleaned().detail
    assert cut == {"cut": digest_of(long), "bytes": 90_008}


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=400, max_size=700), st.text(max_size=3))
def test_no_entry_is_longer_than_a_bundle_can_hold(text, more):
    """The length is written in 16 bits, and the texts may all be of four bytes."""
    widest = "\U0001f600" * 600
    detail = {"x": "y" * (MAX_DETAIL_BYTES - 8)}
    for words in (text, widest, '"' * 600):
        clean = Entry(words, words + more, words, "denied", detail).cleaned()
        assert len(clean.data_at(2**53 - 1, 2**53 - 1)) < 65_536
        assert clean.detail == detail
