"""Server-sent events, as far as OpenAI's dialect uses them."""


class Events:
    """Cuts the data of events out of bytes, wherever the network cut them."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that *piece* completes; comments are none.

        Data of several lines is joined by spaces: in JSON that is the same value.
        """
        self._rest.append(piece)
        if b"\n" not in piece:
            return []
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        found = (self._take(line.removesuffix(b"\r")) for line in lines)
        return [data for data in found if data is not None]

    def _take(self, line: bytes) -> bytes | None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        if line or not self._data:
            return None
        data, self._data = b" ".join(self._data), []
        return data
