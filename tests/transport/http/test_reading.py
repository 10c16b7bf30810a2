"""What comes back is read as HTTP says, wherever the network cut it."""

import asyncio
import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, TimedOut, Truncated, Unavailable
from roadbed.transport.http.connection import HEAD_BYTES, HEADERS, Connection
from roadbed.transport.http.patience import Patience
from tests.transport.http.servers import (
    OK,
    SHORT,
    Waits,
    client,
    closing,
    fetch,
    once,
    serving,
    soon,
)

CHUNKED = OK + b"transfer-encoding: chunked\r\n"
TRAILED = CHUNKED + b"\r\n2;x=y\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        SHORT,
        TRAILED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + SHORT,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 2 + SHORT,
        CHUNKED + b"content-encoding: deflate\r\n\r\na\r\n" + zlib.compress(b"hi")
        + b"\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked", "continue", "hints", "deflate"],
)  # fmt: skip
def test_each_form_of_a_body_is_read(said):
    assert once(said) == (200, b"hi")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_what_has_no_body_ends_with_its_head(status):
    assert once(b"HTTP/1.1 " + status + b"\r\ncontent-length: 9\r\n\r\n")[1] == b""


def test_without_a_length_the_end_of_the_connection_is_the_end():
    assert once(closing(OK + b"\r\nhi")) == (200, b"hi")


RAW = zlib.compressobj(wbits=-15)
RAW = RAW.compress(b"hi") + RAW.flush()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"deflate", RAW),
        (b"GZIP", gzip.compress(b"h", mtime=0) + gzip.compress(b"i", mtime=0)),
        (b"identity", b"hi"),
    ],
)
def test_what_nobody_asked_for_is_decoded_all_the_same(encoding, data):
    head = b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding, len(data))
    assert once(OK + head + data) == (200, b"hi")


@pytest.mark.parametrize(
    "said",
    [
        OK + b"content-length: 9\r\n\r\nhi",
        CHUNKED + b"\r\n9\r\nhi",
        CHUNKED + b"\r\n2\r\nhi\r\n",
        CHUNKED + b"\r\n2\r\nhi\r\n0\r\n",
        OK + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"hi", mtime=0)[:-4],
    ],
    ids=["length", "chunk", "no-last-chunk", "no-trailer-end", "gzip"],
)
def test_a_body_without_its_end_is_truncated(said):
    with pytest.raises(Truncated):
        once(closing(said))


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        OK + b"bad name: x\r\n\r\n",
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: gzip\r\n\r\n",
        OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\nhi",
        OK + b"x: " + b"y" * 3 * HEAD_BYTES + b"\r\n\r\n",
        OK + b"x: y\r\n" * (HEADERS + 1) + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + SHORT,
        b"HTTP/1.1 101 No\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
    ids=[
        *("banner", "name", "two-lengths", "both", "coding", "brotli", "long-head"),
        *("many-headers", "interim-flood", "upgrade"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_none(said):
    with pytest.raises(ProviderError) as raised:
        once(said)

    assert "HTTP" in raised.value.message or "compressed" in raised.value.message


def test_trailers_are_bounded():
    said = CHUNKED + b"\r\n2\r\nhi\r\n0\r\n" + b"x: y\r\n" * (HEADERS + 1) + b"\r\n"
    with pytest.raises(ProviderError):
        once(said)


def test_a_bomb_is_taken_in_small_pieces():
    data = gzip.compress(b"\0" * 64 * 1024 * 1024, mtime=0)
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)

    async def first():
        async with serving(head + data) as (_, url), client() as made:
            answer = await made.post(url, b"", {}, Waits())
            piece = await answer.more(soon())
            answer.release()
            return len(piece)

    assert asyncio.run(first()) <= 256 * 1024


def test_a_connection_that_ends_before_the_head_is_unavailable():
    with pytest.raises(Unavailable, match="broke"):
        once(closing(b""))


@pytest.mark.parametrize("said", [b"", OK[:20]])
def test_an_answer_that_does_not_begin_ends_at_its_limit(said):
    with pytest.raises(TimedOut, match="did not begin"):
        once(said, waits=Waits(first_s=0.1))


def test_silence_in_a_body_ends_at_its_limit():
    async def go():
        said = OK + b"content-length: 9\r\n\r\nhi"
        async with serving(said) as (_, url), client() as made:
            answer = await made.post(url, b"", {}, Waits())
            assert await answer.more(soon()) == b"hi"
            try:
                await answer.more(soon(0.05))
            finally:
                answer.release()

    with pytest.raises(TimedOut, match="silent"):
        asyncio.run(go())


# The reader itself, without a network.


class Wire:
    """A transport that only notes what happens to it."""

    def __init__(self):
        self.aborted = False

    def write(self, data):
        pass

    def abort(self):
        self.aborted = True

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Home:
    """Whoever the connection belongs to."""

    def __init__(self):
        self.back = []

    def given(self, one):
        self.back.append(one)

    def lingers(self, one):
        pass

    def lost(self, one):
        pass


async def read(pieces, *, closes):
    """Return all that a connection makes of *pieces*: status, body, what went wrong."""
    home, wire, body = Home(), Wire(), b""
    one = Connection(Patience(), home)
    one.connection_made(wire)
    asking = asyncio.ensure_future(one.ask(b"POST ", b"", soon()))
    await asyncio.sleep(0)
    for piece in pieces:
        if not wire.aborted:
            one.data_received(piece)
    if closes and not wire.aborted:
        one.eof_received()
    one.connection_lost(None)
    try:
        answer = await asking
    except ProviderError as error:
        return 0, b"", type(error), error.message
    try:
        while piece := await answer.more(soon()):
            body += piece
    except ProviderError as error:
        return answer.status, body, type(error), error.message
    return answer.status, body, None, dict(answer.headers)


def cut(data, draw):
    cuts = sorted(draw(st.sets(st.integers(0, len(data)))) | {0, len(data)})
    return [data[a:b] for a, b in pairwise(cuts)]


BODY = st.lists(st.binary(min_size=1, max_size=30), max_size=5)
HEADS = st.lists(
    st.tuples(
        st.sampled_from([b"x-a", b"X-B", b"x-c"]),
        st.text("abc ,;=", max_size=9).map(str.encode),
    ),
    max_size=4,
)


@st.composite
def answers(draw):
    """Draw an answer that is proper HTTP, in each of its forms."""
    parts, form = draw(BODY), draw(st.sampled_from(["length", "chunked", "close"]))
    head = b"HTTP/1.1 %d Said\r\n" % draw(st.sampled_from([200, 201, 400, 503]))
    head += b"".join(b"%b: %b\r\n" % line for line in draw(HEADS))
    whole = b"".join(parts)
    if form == "length":
        head, body = head + b"content-length: %d\r\n" % len(whole), whole
    elif form == "chunked":
        head += b"transfer-encoding: chunked\r\n"
        chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
        body = b"".join(chunks) + b"0\r\n\r\n"
    else:
        body = whole
    return head + b"\r\n" + body, whole


@given(answers(), st.data())
@settings(max_examples=80, deadline=None)
def test_an_answer_does_not_depend_on_where_it_was_cut(said, data):
    raw, whole = said
    pieces = cut(raw, data.draw)

    found = asyncio.run(read(pieces, closes=True))

    assert found == asyncio.run(read([raw], closes=True))
    assert found[1:3] == (whole, None)


@given(answers(), st.data())
@settings(max_examples=60, deadline=None)
def test_an_answer_that_is_cut_short_never_ends_well(said, data):
    raw, _ = said
    if b"content-length" not in raw and b"chunked" not in raw:
        return
    kept = raw[: data.draw(st.integers(0, len(raw) - 1))]

    assert asyncio.run(read(cut(kept, data.draw), closes=True))[2] is not None


GARBAGE = st.one_of(
    st.binary(max_size=200),
    answers().map(lambda both: both[0]),
    st.lists(
        st.sampled_from(
            [
                *(b"HTTP/1.1 ", b"200", b" OK", b"\r\n", b"\n", b"content-length: "),
                *(b"transfer-encoding: chunked", b"content-encoding: gzip", b"-1"),
                *(b"connection: upgrade\r\nupgrade: x", b"\0", b":", b" ", b"ffffff"),
            ]
        ),
        max_size=20,
    ).map(b"".join),
)


@given(GARBAGE, GARBAGE, st.data(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_garbage_gives_a_clean_error_or_an_answer(one, two, data, closes):
    pieces = cut(one + two, data.draw)

    status, body, kind, _ = asyncio.run(read(pieces, closes=closes))

    assert len(body) <= len(one + two)
    assert kind is None or issubclass(kind, ProviderError)
    assert status or kind


def test_a_connection_that_speaks_out_of_turn_is_not_used_again():
    async def go():
        async with serving(SHORT + SHORT) as (server, url), client() as made:
            told = [await fetch(made, url) for _ in range(3)]
            return told, server.connections

    assert asyncio.run(go()) == ([(200, b"hi")] * 3, 3)
