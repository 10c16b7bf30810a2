"""Server-sent events, as far as model APIs use them."""


class Events:
    """Cuts the data of events out of bytes, wherever the network cut them."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""

    @property
    def half(self) -> bool:
        """Say whether an event has begun that has not come to its end."""
        return bool(self._data or b"".join(self._rest).strip())

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        """Return name and data of each event that *piece* completes; comments are none.

        Data of several lines is joined by spaces: in JSON that is the same value.
        """
        self._rest.append(piece)
        if b"\n" not in piece:
            return []
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        found = (self._take(line.removesuffix(b"\r")) for line in lines)
        return [event for event in found if event is not None]

    def _take(self, line: bytes) -> tuple[str, bytes] | None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:"):
            self._name = line[6:].strip().decode("utf-8", "replace")
        if line:
            return None
        name, data, self._name = self._name, self._data, ""
        self._data = []
        return (name, b" ".join(data)) if data else None
