"""The copy of the checkpoints outside the database."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.copies import (
    FILE,
    append_note,
    newest_note,
    read_notes,
    split_notes,
)
from roadbed.core.errors import NotReady


def note(number):
    return f"log\n{number}\nroot=\nat {number}\n\n\u2014 log c2lnbmF0dXJl\n"


def test_notes_come_back_in_the_order_they_were_added(copies):
    for number in range(100):
        append_note(copies, note(number))

    assert read_notes(copies) == [note(number) for number in range(100)]
    assert newest_note(copies) == note(99)


def test_an_empty_copy_has_no_notes(copies):
    assert read_notes(copies) == []
    assert newest_note(copies) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(note(2)) - 1))
def test_a_torn_note_spoils_no_other(cut):
    torn = note(2)[:cut]
    text = note(1) + "\n" + torn + "\n\n" + note(3) + "\n"

    found = split_notes(text)

    assert found[0] == note(1)
    assert found[-1] == note(3)
    assert len(found) <= 3


def test_what_is_added_after_a_torn_end_stands_apart(copies):
    append_note(copies, note(1))
    with (copies / FILE).open("a") as file:
        file.write("log\n2\nroo")
    append_note(copies, note(3))

    assert read_notes(copies) == [note(1), note(3)]
    assert newest_note(copies) == note(3)


def test_a_copy_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(NotReady, match="cannot be copied") as caught:
        append_note(tmp_path / "file" / "copies", note(1))
    assert "permissions" in caught.value.hint
