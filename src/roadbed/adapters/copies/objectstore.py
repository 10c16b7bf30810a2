"""Copies of checkpoints in a bucket; with its object lock nobody can remove them.

Proved against obstore's own stores and moto's S3 server, an emulator.
"""

from datetime import timedelta
from typing import Any

from roadbed.core.errors import Conflict, Invalid, NotReady


class ObjectStoreCopies:
    """One object to a checkpoint, `checkpoints/SIZE`, put only if it is absent."""

    def __init__(self, store: Any, name: str = "objectstore") -> None:
        self.name = name
        self._store = store

    def put(self, size: int, note: str) -> None:
        """Keep *note*; see the port."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError

        key, data = f"checkpoints/{size:020d}", note.encode()
        try:
            obstore.put(self._store, key, data, mode="create")
        except AlreadyExistsError:
            if self._get(key) != data:
                raise Conflict(
                    f"{key} holds another checkpoint over {size} entries",
                    hint="run `roadbed audit verify`: the log may have been forked",
                ) from None
        except (BaseError, OSError) as error:
            raise _not_ready(error) from None

    def notes(self) -> list[str]:
        """Return the notes; see the port."""
        return [self._note(key) for key in sorted(self._keys())]

    def newest(self) -> str | None:
        """Return the newest note; see the port."""
        key = max(self._keys(), default=None)
        return None if key is None else self._note(key)

    def _keys(self) -> list[str]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            listed = obstore.list(self._store, "checkpoints")
            return [item["path"] for chunk in listed for item in chunk]
        except (BaseError, OSError) as error:
            raise _not_ready(error) from None

    def _note(self, key: str) -> str:
        return self._get(key).decode("utf-8", "replace")

    def _get(self, key: str) -> bytes:
        import obstore
        from obstore.exceptions import BaseError

        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (BaseError, OSError) as error:
            raise _not_ready(error) from None


def open_store(url: str) -> Any:
    """Return the store at *url*, such as `s3://bucket/prefix`; raise Invalid."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise Invalid(
            f"{url} needs what is not installed", hint="install roadbed[objectstore]"
        ) from None
    patience: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
    try:
        return from_url(url, retry_config=patience)
    except (BaseError, ValueError) as error:
        raise Invalid(f"{url} is no bucket: {str(error)[:300]}") from None


def _not_ready(error: Exception) -> NotReady:
    return NotReady(
        f"the bucket for checkpoints cannot be used: {str(error)[:300]}",
        hint="look at its address, its credentials and its policy",
    )
