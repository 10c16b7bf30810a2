"""Server-sent events, as far as model APIs use them."""

Event = tuple[str, bytes]
_LONG = 64 * 1024
"""An unfinished event that is longer is taken line by line, and looked at once."""


class Events:
    """Cuts the data of events out of bytes, wherever the network cut them.

    Data of several lines is joined by spaces: in JSON that is the same value.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""

    @property
    def half(self) -> bool:
        """Say whether an event has begun that has not come to its end."""
        return bool(self._data or b"".join(self._rest).strip())

    def feed(self, piece: bytes) -> list[Event]:
        """Return name and data of each event that *piece* completes; comments are none.

        Events of one line of data, with or without a name, are cut in one go.
        """
        self._rest.append(piece)
        if b"\n" not in piece:
            return []
        data = self._rest[0] if len(self._rest) == 1 else b"".join(self._rest)
        begun = self._data or self._name or len(data) - len(piece) > _LONG
        if begun or b"\r" in data:
            return self._by_line(data)
        *blocks, rest = data.split(b"\n\n")
        self._rest = [rest] if rest else []
        found = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                found.append(("", block[6:]))
            else:
                found += self._block(block)
        return found

    def _block(self, block: bytes) -> list[Event]:
        name, _, data = block.partition(b"\n")
        plain = name.startswith(b"event: ") and data.startswith(b"data: ")
        if plain and b"\n" not in data:
            return [(_text(name[7:]), data[6:])]
        return self._events([*block.split(b"\n"), b""])

    def _by_line(self, data: bytes) -> list[Event]:
        *lines, rest = data.split(b"\n")
        self._rest = [rest]
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[Event]:
        found = (self._take(line.removesuffix(b"\r")) for line in lines)
        return [event for event in found if event is not None]

    def _take(self, line: bytes) -> Event | None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:"):
            self._name = _text(line[6:])
        if line:
            return None
        name, data, self._name = self._name, self._data, ""
        self._data = []
        return (name, b" ".join(data)) if data else None


def _text(name: bytes) -> str:
    return name.strip().decode("utf-8", "replace")
