"""The permission matrix, reviewed as text."""

from pathlib import Path

from roadbed.access.matrix import table

GOLDEN = Path(__file__).with_name("permissions.txt")


def test_the_matrix_is_the_one_that_was_reviewed():
    """If this change is meant, write table() to permissions.txt and review the diff."""
    assert table() == GOLDEN.read_text()
