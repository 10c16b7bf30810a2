"""What every place for copies of checkpoints promises, as tests to inherit."""

import pytest

from roadbed.core.errors import Conflict
from roadbed.ports.copies import Copies


def a_note(size: int, root: str = "root") -> str:
    """Return a text like a signed checkpoint over *size* entries."""
    return f"log\n{size}\n{root}=\nat 1 x\n\n\u2014 log c2lnbmF0dXJl\n"


class CopiesContract:
    """Subclass me with a `place` fixture that is empty.

    A place that cannot be read says so, and is asked for what it was sent instead:
    override `kept`, and `newest`, which is what it tells then.
    """

    newest: str | None = a_note(1234)

    def kept(self, place: Copies) -> list[str]:
        """Return what is kept."""
        notes = place.notes()
        assert notes is not None
        return notes

    def test_what_was_put_is_kept_in_order_of_size(self, place: Copies) -> None:
        """The newest is the last, also behind 9 and 99."""
        sizes = (9, 10, 99, 100, 1234)
        for size in sizes:
            place.put(size, a_note(size))

        assert self.kept(place) == [a_note(size) for size in sizes]
        assert place.newest() == self.newest

    def test_putting_a_note_again_changes_nothing(self, place: Copies) -> None:
        """A delivery that was interrupted is repeated."""
        for _ in range(2):
            place.put(7, a_note(7))

        assert set(self.kept(place)) == {a_note(7)}

    def test_an_empty_place_has_no_notes(self, place: Copies) -> None:
        """Nothing was put, nothing is there."""
        assert self.kept(place) == []
        assert place.newest() is None

    def test_a_name_is_fit_for_a_path(self, place: Copies) -> None:
        """It names a folder in exported bundles."""
        assert place.name.replace("-", "").isalnum()
        assert place.name == place.name.lower()


class ReadableCopiesContract(CopiesContract):
    """Subclass me instead if the place can be read: it is a witness, too."""

    def test_a_note_is_never_replaced_by_another(self, place: Copies) -> None:
        """Two notes of one size are a fork, and the first one stays."""
        place.put(7, a_note(7))
        with pytest.raises(Conflict, match="another checkpoint over 7 entries"):
            place.put(7, a_note(7, "other"))

        assert self.kept(place) == [a_note(7)]
