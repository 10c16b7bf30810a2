"""Calls that are asked through a cache, and upstreams that count them."""

import asyncio
from dataclasses import replace

import msgspec

from roadbed.core.actor import Principal
from roadbed.dialects.openai.parse_request import read
from roadbed.gateway.reuse.cached import Cached
from roadbed.gateway.reuse.degrading import Degrading
from roadbed.gateway.reuse.shelf import Shelf
from roadbed.inference.call import Call, Chunk, Outcome, Usage
from roadbed.inference.path import Path, ask_once
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Upstream
from roadbed.inference.terms import Terms
from tests.inference.calls import AllowAll, a_call


class Counting:
    """Counts how often it is asked; says `answer N`, or raises what `error` is."""

    def __init__(self, finish="stop", chunks=None):
        self.asked = 0
        self.error = None
        self.finish = finish
        self.chunks = chunks
        self.go = asyncio.Event()
        self.go.set()
        self.closed = 0

    async def send(self, call):
        self.asked += 1
        number = self.asked
        try:
            await self.go.wait()
            if self.error:
                raise self.error
            for chunk in self.chunks or ():
                yield chunk
            yield Chunk(text=f"answer {number}")
            usage = Usage(input_tokens=2, output_tokens=3)
            yield Chunk(finish=self.finish, usage=usage)
        finally:
            self.closed += 1


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def version(name="m", number=1):
    return ModelVersion(
        model=name,
        number=number,
        digest=f"sha256:{name}{number}",
        definition={"hosted": {}},
    )


def served(runner, smaller=None, endpoint="e", **terms):
    """Return a deployment on these terms; `smaller` maps pins to runners."""
    choices = {}
    for pin, other in (smaller or {}).items():
        name, _, number = pin.partition("@")
        place = Upstream(runner=other, provider="small")
        choices[pin] = Choice(version=version(name, int(number)), upstreams=(place,))
    return Deployment(
        endpoint=endpoint,
        choices=(Choice.at(version(), runner, "p"),),
        terms=Terms(**terms),
        smaller=choices,
    )


def person(name="ann", tenant="default"):
    return Principal(kind="user", name=name, tenant=tenant)


def asks(deployment, principal=None, authority=None, **fields) -> Call:
    """Return a call of OpenAI's dialect to *deployment*."""
    said = [{"role": "user", "content": "hello"}]
    body = msgspec.json.encode({"model": "e", "messages": said} | fields)
    call = a_call(deployment)
    call.dialect, call.request, call.body = "openai", read(body)[1], body
    call.principal = principal or person()
    call.snapshot = replace(call.snapshot, authority=authority or AllowAll())
    return call


async def until(condition):
    """Wait until *condition* holds; a test's own limit ends it."""
    while not condition():  # noqa: ASYNC110 - what others do is only seen
        await asyncio.sleep(0.001)


class Ended:
    """A step that keeps how a call ended."""

    def __init__(self):
        self.outcomes = []

    def admit(self, call):
        pass

    def finish(self, call, outcome: Outcome):
        self.outcomes.append(outcome)


class Desk:
    """A path that answers from a cache; `ask` returns text and outcome."""

    def __init__(self, max_bytes=1 << 20, ask=ask_once):
        self.clock = Clock()
        self.shelf = Shelf(max_bytes)
        self.cached = Cached(ask, self.shelf, self.clock)
        self.ended = Ended()
        attempt = Degrading(self.cached, ask, self.cached.oldest)
        self.path = Path([self.ended], attempt)

    async def ask(self, call):
        chunks = [chunk async for chunk in self.path.travel(call)]
        return "".join(c.text for c in chunks), self.ended.outcomes[-1]

    def say(self, call):
        return asyncio.run(self.ask(call))
