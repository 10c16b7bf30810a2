"""What every store of blobs promises, as tests that each adapter runs."""

from collections.abc import Callable, Iterator

import pytest

from roadbed.core.digest import digest
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.ports.blobs import Blobs


class BlobsContract:
    """Subclass me with two fixtures.

    `blobs` is an empty store; `damage` is a function that changes one byte of
    the blob with the digest it is given, behind the store's back.
    """

    def test_what_was_put_is_what_is_got(self, blobs: Blobs) -> None:
        """Bytes come back in order, whatever the pieces they came in."""
        name = blobs.put([b"one ", b"", b"two"])

        assert b"".join(blobs.get(name)) == b"one two"

    def test_the_name_is_the_digest_of_the_bytes(self, blobs: Blobs) -> None:
        """Equal bytes have one name, however they were cut."""
        assert blobs.put([b"ab", b"c"]) == blobs.put([b"abc"]) == digest(b"abc")

    def test_no_bytes_are_a_blob_too(self, blobs: Blobs) -> None:
        """An empty file is kept like any other."""
        name = blobs.put([])

        assert (blobs.has(name), b"".join(blobs.get(name))) == (True, b"")

    def test_many_pieces_come_back_whole(self, blobs: Blobs) -> None:
        """Bytes larger than any buffer survive."""
        data = bytes(range(256)) * 12_000

        assert b"".join(blobs.get(blobs.put([data[:7], data[7:]]))) == data

    def test_a_broken_upload_leaves_nothing(self, blobs: Blobs) -> None:
        """An error in the middle is passed on, and no blob appears."""

        def broken() -> Iterator[bytes]:
            yield b"half"
            raise ConnectionError

        with pytest.raises(ConnectionError):
            blobs.put(broken())

        assert not blobs.has(digest(b"half"))

    def test_an_unknown_digest_is_not_found(self, blobs: Blobs) -> None:
        """The error comes from the call, not from the first piece read later."""
        name = digest(b"never stored")

        assert not blobs.has(name)
        with pytest.raises(NotFound):
            blobs.get(name)
        with pytest.raises(NotFound):
            blobs.path(name)

    @pytest.mark.parametrize("name", ["", "sha256:../../etc/passwd", "md5:00", "a/b"])
    def test_what_is_no_digest_is_refused(self, blobs: Blobs, name: str) -> None:
        """No name can lead out of the store."""
        with pytest.raises(Invalid):
            blobs.get(name)
        with pytest.raises(Invalid):
            blobs.has(name)

    def test_a_path_holds_the_bytes(self, blobs: Blobs) -> None:
        """Libraries that want a file get one."""
        name = blobs.put([b"in a file"])

        assert blobs.path(name).read_bytes() == b"in a file"

    def test_damaged_bytes_are_never_given_out(
        self, blobs: Blobs, damage: Callable[[str], None]
    ) -> None:
        """One changed byte is noticed before anything is read."""
        name = blobs.put([b"precious"])
        damage(name)

        with pytest.raises(Corrupt, match=name):
            blobs.get(name)
        with pytest.raises(Corrupt, match=name):
            blobs.path(name)

    def test_putting_the_same_bytes_again_mends_them(
        self, blobs: Blobs, damage: Callable[[str], None]
    ) -> None:
        """A damaged copy does not outlive the next upload of the right bytes."""
        name = blobs.put([b"precious"])
        damage(name)
        blobs.put([b"precious"])

        assert b"".join(blobs.get(name)) == b"precious"
