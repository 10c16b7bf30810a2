"""How an upstream answers, and how it goes wrong: plain data."""

from dataclasses import dataclass
from typing import Literal

Ending = Literal["finish", "close", "reset", "error", "silence"]
FOREVER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How an upstream answers, and how it goes wrong.

    `status` and `headers` are sent as they stand, and so is `body`, instead of an
    answer, when it is set; `{key}` in it becomes the key that the caller sent. A body
    that is an error in OpenAI's words is said in the words of the dialect asked in.
    `retry_in_s` adds a Retry-After header with a date so many seconds from now.
    `listens=False` refuses connections, a `door` that is `full` lets them hang, and a
    `deaf` one takes them and reads nothing; `tls` shows a certificate that is no good.
    `drops` closes the connection without a word: at once, or if it was used before.
    `raw` is sent instead of anything that is HTTP. `wait_s` passes before the first
    byte.

    Of a stream, every event is sent `repeat` times, in pieces of `piece` bytes with
    `gap_s` between them; after `keep` events (all, if None; all but the terminal
    marker, if -1) comes the `ending`: `finish` as it should be, `close` as if all were
    well, `reset` of the connection, an `error` event, or `silence`. Of the events that
    say nothing yet, one counts. A whole answer is cut in the middle instead.
    `babble_s` is how often it says that it is alive, and never anything else; `endless`
    goes on saying the same. `spoil` replaces the second event, or the whole answer, and
    so does JSON of another shape, if it is `misshapen`. `pad` makes the answer so many
    bytes longer. `usage=False` counts nothing, `miscount` counts wrong. `length_off` is
    added to the content-length, and `gzip` compresses the body, and may cut it.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: str | None = None
    retry_in_s: float | None = None
    listens: bool = True
    door: Literal["", "full", "deaf"] = ""
    tls: Literal["", "expired", "untrusted"] = ""
    drops: Literal["", "at-once", "reused"] = ""
    raw: bytes = b""
    wait_s: float = 0.0
    repeat: int = 1
    piece: int = 0
    gap_s: float = 0.0
    keep: int | None = None
    ending: Ending = "finish"
    babble_s: float = 0.0
    endless: bool = False
    spoil: str = ""
    misshapen: bool = False
    pad: int = 0
    usage: bool = True
    miscount: Literal["", "negative", "absurd", "inconsistent"] = ""
    length_off: int = 0
    gzip: Literal["", "whole", "cut"] = ""
