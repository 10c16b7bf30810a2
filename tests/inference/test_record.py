"""Records and what the audit log commits to."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from roadbed.inference.record import CallRecord, commit, leaf_bytes
from roadbed.testing.history_contract import any_records


class Later(CallRecord, frozen=True, kw_only=True):
    """The record of a later version, with one field more."""

    region_asked: str = ""


@given(any_records())
def test_a_field_that_is_added_later_changes_no_leaf(record):
    later = Later(**msgspec.structs.asdict(record))

    assert leaf_bytes(later) == leaf_bytes(record)


@given(any_records(), st.sampled_from(["status", "model", "principal", "error"]))
def test_a_field_that_says_something_else_changes_the_leaf(record, name):
    other = msgspec.structs.replace(record, **{name: getattr(record, name) + "x"})

    assert leaf_bytes(other) != leaf_bytes(record)


@given(any_records())
def test_a_leaf_says_what_the_record_says(record):
    told = msgspec.json.decode(leaf_bytes(record), type=CallRecord)

    assert told == record


@given(st.binary(min_size=32, max_size=32), st.text(), st.text(min_size=1))
def test_a_commitment_binds_both_parts_apart(salt, request, response):
    ours = commit(salt.hex(), request, response)

    assert ours != commit(salt.hex(), request + response, "")
    assert ours == commit(salt.hex(), request, response)
