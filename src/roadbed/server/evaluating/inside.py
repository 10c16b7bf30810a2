"""The governed path without a socket: for what Roadbed asks in this process itself.

Each call is recorded, authorized, limited and paid for like any other. Only who asks
is known already, and no answer is kept for others, or taken from them.
"""

import asyncio
import platform
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import msgspec

from roadbed.access.authority import compile_policies
from roadbed.access.authorize import denial, denied_entry
from roadbed.access.steps import questions_of
from roadbed.access.visible import whole
from roadbed.app import App
from roadbed.control.preview import Preview, provider_of
from roadbed.control.serve import Serving, compile_snapshot
from roadbed.core.actor import Principal
from roadbed.core.clock import to_us
from roadbed.core.errors import NotFound, NotReady, RoadbedError
from roadbed.core.ids import Uuid7
from roadbed.core.reference import VersionRef, parse
from roadbed.core.resource import tenant_of
from roadbed.dialects import embeddings, openai
from roadbed.dialects.oip import DIALECT as TENSORS
from roadbed.evals.asking import Answered, BudgetSpent, Question
from roadbed.evals.otel import Evaluated
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.money.bank import Bank
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.replicas import Presence
from roadbed.gateway.money.teller import Teller
from roadbed.gateway.recorder import Limits, Recorder, process_name
from roadbed.gateway.reuse.shed import Shed
from roadbed.gateway.steps import Record
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.path import Path, idle
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Deployment, ModelVersion
from roadbed.inference.tensor import Tensor, from_values
from roadbed.inference.trace import received
from roadbed.server.denials import DenialWriter
from roadbed.server.evaluating.answers import Gathered, failed, spent, wait_s
from roadbed.server.governed import Means, governed_path
from roadbed.server.lifecycle import close_all
from roadbed.server.metrics import Metrics
from roadbed.server.switch import held_by
from roadbed.server.watching import Outlets, outlets

LOOK_EVERY_S = 1.0
SPANS = 10_000
SEAL_BYTES = 8 * 1024 * 1024
"""Small, since the sealing is done in this process: it takes memory as it has rows."""
_SPOKEN = {"embeddings": embeddings.SPOKEN}
PATIENCE_S = 300.0
"""How long a question waits in all while limits ask for patience."""


class Known:
    """A step: who asks was proven before."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    def admit(self, call: Call) -> None:
        """Set `call.principal`."""
        call.principal = self._principal

    @idle
    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What all that is asked here shares: the call log, refusals, money and room."""

    recorder: Recorder
    denials: DenialWriter
    purse: Budgets
    means: Means
    presence: Presence
    outlets: Outlets | None


class Inside:
    """Asks versions on the governed path, as *principal*.

    An asynchronous context: the call log is sealed when it ends. *preview* says what
    there is to ask. Used from one event loop only.
    """

    def __init__(self, app: App, principal: Principal, preview: Preview) -> None:
        self.app, self.principal, self.preview = app, principal, preview
        self._stack = AsyncExitStack()
        self._lines: dict[tuple[str, str], Line] = {}
        self._limited = False
        self._spans = _Spans()
        self._rooms = self._made()

    async def __aenter__(self) -> "Inside":
        rooms = self._rooms
        async with AsyncExitStack() as stack:
            if rooms.outlets is not None:
                rooms.outlets.start()
                stack.push_async_callback(asyncio.to_thread, rooms.outlets.close)
            await asyncio.to_thread(rooms.recorder.start)
            stack.push_async_callback(asyncio.to_thread, rooms.recorder.close)
            rooms.denials.start()
            stack.push_async_callback(asyncio.to_thread, rooms.denials.stop)
            stack.push_async_callback(asyncio.to_thread, rooms.presence.leave)
            stack.push_async_callback(asyncio.to_thread, rooms.purse.close)
            stack.push_async_callback(self._close)
            looking = asyncio.create_task(self._look())
            stack.callback(looking.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def version(self, endpoint: str, ref: VersionRef) -> "Line":
        """Return what asks *ref* under the terms of *endpoint*.

        Raises NotFound, Denied after it is on the audit log, and NotReady if the
        version cannot be loaded. Loads it in a thread.
        """
        version = self.preview.version(ref)
        return await asyncio.to_thread(self._line, endpoint, version)

    def served(self, endpoint: str) -> "Line":
        """Return what asks the version that *endpoint* serves, such as a judge."""
        content = self.preview.content("Endpoint", endpoint)
        return self._line(endpoint, self.preview.version(_pin(content)))

    def _line(self, endpoint: str, version: ModelVersion) -> "Line":
        key = endpoint, f"{version} {version.digest}"
        if key not in self._lines:
            self._keep_files(version)
            self._trust(version)
            line = Line(self, self._serving(endpoint, version), endpoint)
            self._limited |= bool(line.serving.snapshot.limits)
            self._permit(line.deployment)
            self._lines[key] = line
        return self._lines[key]

    def path(self, watch: Any) -> Path:
        """Return a governed path on which *watch* sees what was recorded."""
        rooms, region = self._rooms, self.app.settings.region
        watches = [watch]
        if rooms.outlets is not None:
            watches += [self._spans.take, rooms.outlets.tracer.watch]
        return governed_path(
            now_us=self.app.now_us,
            record=Record(rooms.recorder, region, watches=watches),
            metrics=Metrics(),
            denials=rooms.denials,
            means=rooms.means,
            who=Known(self.principal),
        )

    def announce(self, evaluated: Evaluated) -> None:
        """Tell the collector of traces, if there is one, of a grade of a call here.

        The call is the one whose id is the response's.
        """
        if self._rooms.outlets is not None:
            self._rooms.outlets.announcer.put(self._spans.joined(evaluated))

    def _made(self) -> _Rooms:
        app = self.app
        process = process_name(f"eval-{platform.node()}")
        keeper = Keeper(app.settings.state, app.sealer, process)
        purse = Budgets(Teller(Bank(app.database, process), app.now_us), app.now_us)
        means = Means(purse=purse, shed=Shed(app.settings.max_calls))
        return _Rooms(
            recorder=Recorder(keeper, Limits(seal_bytes=SEAL_BYTES)),
            denials=DenialWriter(app.audit, keeper),
            purse=purse,
            means=means,
            presence=Presence(
                app.database, process, means.limits, app.now_us, self._has_limits
            ),
            outlets=outlets(app, process),
        )

    def _has_limits(self) -> bool:
        return self._limited

    async def _look(self) -> None:
        """Take this process's share of the limits, as a replica does."""
        while True:
            await asyncio.to_thread(self._rooms.presence.look)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _close(self) -> None:
        for line in self._lines.values():
            await close_all(held_by(line.serving))

    def _serving(self, endpoint: str, version: ModelVersion) -> Serving:
        declared = self.preview.alone(endpoint, version)
        content = declared.state.resources["Endpoint", endpoint].content
        if tenant_of(content) != self.principal.tenant:
            raise NotFound(f"no endpoint is called {endpoint!r}")
        app = self.app
        serving = compile_snapshot(
            declared, app.catalog.open, compile_policies, None, app.prices
        )
        if reason := serving.snapshot.broken.get(endpoint):
            raise NotReady(f"{version} cannot be asked: {reason}")
        return serving

    def _keep_files(self, version: ModelVersion) -> None:
        """Put the files that a version of the stack pins; they harm nobody."""
        loaded = self.preview.made(VersionRef(version.model, version.number))
        for tree in loaded.trees.values() if loaded else ():
            for file in tree.files:
                if not self.app.blobs.has(file.digest):
                    self.app.blobs.put([file.data])

    def _trust(self, version: ModelVersion) -> None:
        """Let only who may apply it use a provider that is not live: it has secrets."""
        provider = provider_of(version)
        if self.preview.stack is not None and self.preview.foreign(provider):
            stack = whole(self.principal, "Stack")
            self.app.require(self.principal, "stack.apply", stack)

    def _permit(self, deployment: Deployment) -> None:
        """Raise Denied, after it is on the audit log, before anything is asked."""
        authority = compile_policies(self.preview.live.policies())
        for action, target in questions_of(deployment):
            decided = authority.decide(
                self.principal, action, target, self.app.now_us()
            )
            if not decided.allowed:
                refusal = denial(self.principal, action, target, decided)
                self.app.audit.record(
                    denied_entry(self.principal, action, target, refusal.message)
                )
                raise refusal


class _Spans:
    """Remembers the spans of the newest calls, until they are graded."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def take(self, call: Call, record: CallRecord) -> None:
        """Remember one call, and forget the oldest if there are many."""
        self._known[call.id] = record.trace_id, record.span_id
        if len(self._known) > SPANS:
            del self._known[next(iter(self._known))]

    def joined(self, evaluated: Evaluated) -> Evaluated:
        """Return a grade with the span of its call, if that is known."""
        trace, span = self._known.get(evaluated.response_id, ("", ""))
        return replace(evaluated, trace_id=trace, span_id=span)


class Line:
    """One version at one endpoint, to be asked; see `evals.asking.Ask`."""

    def __init__(self, inside: Inside, serving: Serving, endpoint: str) -> None:
        self.serving = serving
        self.deployment = serving.snapshot.deployments[endpoint]
        self._path = inside.path(self._watch)
        self._clock, self._region = inside.app.clock, inside.app.settings.region
        self._records: dict[str, CallRecord] = {}
        self._new_id = Uuid7()

    async def __call__(self, question: Question) -> Answered:
        """Return the answer to *question*; raise BudgetSpent if a budget is spent."""
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self._asked(question)
            except _Patience as patience:
                if time.monotonic() + patience.seconds > ends:
                    return patience.answered
                await asyncio.sleep(patience.seconds)

    async def _asked(self, question: Question) -> Answered:
        gathered, call_id = Gathered(), ""
        try:
            call = self._call(question)
            call_id = call.id
            async with aclosing(self._path.travel(call)) as chunks:
                async for chunk in chunks:
                    gathered.take(chunk)
        except RoadbedError as error:
            if spent(error):
                raise BudgetSpent(error.message, hint=error.hint) from None
            answered = failed(error, self._records.pop(call_id, None))
            if (seconds := wait_s(error)) is not None:
                raise _Patience(seconds, answered) from None
            return answered
        return gathered.answered(self._records.pop(call_id, None))

    def _watch(self, call: Call, record: CallRecord) -> None:
        self._records[call.id] = record

    def _call(self, question: Question) -> Call:
        tensors = question.dialect == "oip"
        trace, spoken = received(""), _SPOKEN.get(question.dialect, openai.SPOKEN)
        body = b"" if tensors else self._body(question.body)
        return Call(
            id=f"{self._region}-{self._new_id()}",
            received_us=to_us(self._clock.now()),
            started_ns=time.monotonic_ns(),
            dialect=TENSORS if tensors else spoken.name,
            endpoint=self.deployment.endpoint,
            number=self.deployment.version.number,
            trace_id=trace.trace_id,
            span_id=trace.span_id,
            request=_tensors(question.body) if tensors else spoken.read(body)[1],
            body=body,
            labels=question.labels,
            snapshot=self.serving.snapshot,
        )

    def _body(self, fields: Mapping[str, Any]) -> bytes:
        return msgspec.json.encode({**fields, "model": self.deployment.endpoint})


class _Patience(Exception):
    """Ask again after some seconds; until then this is the answer."""

    def __init__(self, seconds: float, answered: Answered) -> None:
        super().__init__()
        self.seconds, self.answered = seconds, answered


def _tensors(body: Mapping[str, Any]) -> TensorRequest:
    return TensorRequest(
        inputs=tuple(_tensor(each) for each in body["inputs"]),
        outputs=tuple(body.get("outputs", ())),
        parameters=dict(body.get("parameters", {})),
    )


def _tensor(said: Mapping[str, Any]) -> Tensor:
    """Return an input; a value that is missing is NaN, which JSON has no word for."""
    values = said["data"]
    if said["datatype"].startswith("FP"):
        values = [float("nan") if value is None else value for value in values]
    return from_values(said["name"], said["datatype"], list(said["shape"]), values)


def _pin(endpoint: Mapping[str, Any]) -> VersionRef:
    return parse(endpoint["spec"]["model"])
