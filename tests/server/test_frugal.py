"""What a call must not do on its way, counted while real calls are answered.

The rules are those of `docs/decisions/019-frugal-path.md`. Nothing here looks at a
clock: a busy machine counts as a quiet one does.
"""

import asyncio
import sys
from collections import Counter
from concurrent.futures import Future

import pytest

from roadbed.inference.call import Chunk, Usage
from tests.server.house import KEY, Runner, serving_house

CALLS = 20
MOST_STEPS = 260
"""Python functions that one call may enter or go on with, all together."""
BANNED = (
    "/pydantic", "/logging/", "/sqlalchemy", "/sqlite3/", "/json/", "/cedarpy",
    "/re/", "importlib", "/subprocess", "/threading.py:Thread",
)  # fmt: skip
"""What no call comes by, by where its code is."""
COSTLY = frozenset(
    {"open", "connect", "getaddrinfo", "start_new_thread", "is_authorized", "fsync",
     "fdatasync", "compile", "exec"}
)  # fmt: skip
"""What no call does, by the name of the function."""
BODY = b'{"model":"say","messages":[{"role":"user","content":"%s"}]}' % (b"word " * 200)
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    b"authorization: Bearer %s\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (KEY.encode(), len(BODY), BODY)
)


class Says(Runner):
    """Says all at once."""

    async def send(self, call):
        usage = Usage(input_tokens=250, output_tokens=1)
        yield Chunk(text="yes", usage=usage, finish="stop")


class Seen:
    """What was entered and called on the thread of the event loop, and how often."""

    def __init__(self):
        self.steps, self.built_in, self.asked = Counter(), Counter(), Counter()

    def counting(self, loop, name):
        """Let *loop* do what it does under *name*, and count it."""
        does, asked = getattr(loop, name), self.asked

        def counted(*given, **named):
            asked[name] += 1
            return does(*given, **named)

        setattr(loop, name, counted)

    def look(self, frame, event, called):
        if event == "call":
            code = frame.f_code
            self.steps[f"{code.co_filename}:{code.co_qualname}"] += 1
        elif event == "c_call":
            self.built_in[called.__name__] += 1


async def answered(port):
    """Ask over one connection, again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(CALLS):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()


def on_loop(house, work):
    """Do *work* on the server's own thread."""
    done = Future()
    house.loop.call_soon_threadsafe(lambda: done.set_result(work()))
    return done.result(20)


@pytest.fixture(scope="module")
def seen():
    """What was seen of calls that came after the first ones."""
    found = Seen()
    with serving_house(runners={"say": Says()}) as house:
        asyncio.run(answered(house.port))
        for name in ("create_task", "call_later", "call_at", "run_in_executor"):
            found.counting(house.loop, name)
        on_loop(house, lambda: sys.setprofile(found.look))
        asyncio.run(answered(house.port))
        on_loop(house, lambda: sys.setprofile(None))
        found.asked = found.asked.copy()  # what is counted from now on is no call's
    return found


def test_a_call_takes_few_steps(seen):
    counts = {where: count / CALLS for where, count in seen.steps.items()}
    most = sorted(counts.items(), key=lambda each: -each[1])[:40]

    assert 50 < sum(counts.values()) <= MOST_STEPS, most


def test_nothing_slow_is_on_the_path(seen):
    # What happens once, when a connection comes, is no part of a call.
    each = [where for where, count in seen.steps.items() if count >= CALLS]

    assert [w for w in each if any(banned in w for banned in BANNED)] == []


def test_a_call_opens_nothing_and_starts_nothing(seen):
    assert not seen.built_in.keys() & COSTLY


def test_a_call_is_one_task(seen):
    assert seen.asked["create_task"] == CALLS


def test_a_call_has_no_timer_and_no_thread(seen):
    # The server sweeps all connections now and then, by one timer for all.
    assert seen.asked["call_later"] + seen.asked["call_at"] < CALLS
    assert seen.asked["run_in_executor"] == 0


def test_the_loop_keeps_no_list_of_generators(seen):
    kept = [n for where, n in seen.steps.items() if where.endswith("WeakSet.add")]

    assert sum(kept) == CALLS  # the tasks
