"""The gateway's steps: the endpoint is found, and every call is on record."""

import asyncio
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.core.actor import Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import Invalid, NotFound, NotReady
from roadbed.gateway.history import CallQuery
from roadbed.gateway.spool import encode
from roadbed.gateway.steps import Record, Resolve
from roadbed.inference.call import Call, Chunk, Outcome, TensorRequest, Usage
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import Conversation
from roadbed.inference.path import Path
from roadbed.inference.record import commit
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Snapshot
from roadbed.inference.tensor import Tensor, from_values
from roadbed.testing.history_contract import call_id

NAMES = ["mean radius", "mean texture", "site"]


class Authority:
    digest = "sha256:policy"


class Tape:
    """Keeps what was put, if a spool could."""

    def __init__(self):
        self.calls, self.durable = [], []

    def put(self, record, payload, *, durable=True):
        encode(record, payload)
        self.calls.append((record, payload))
        self.durable.append(durable)


class Says:
    def __init__(self, chunks, error=None):
        self.chunks, self.error = chunks, error

    async def send(self, call):
        for chunk in self.chunks:
            yield chunk
        if self.error:
            raise self.error


def deployed(*chunks, definition=None, error=None, **terms):
    version = ModelVersion(
        model="triage",
        number=2,
        digest="sha256:m",
        definition=definition or {"hosted": {}},
    )
    runner = Says(chunks, error)
    return Deployment(
        endpoint="e", choices=(Choice.at(version, runner, "onnx"),), **terms
    )


def a_call(request, deployment=None, **fields):
    snapshot = Snapshot(
        revision=1,
        digest="sha256:s",
        authority=Authority(),
        credentials={},
        deployments={"e": deployment} if deployment else {},
        broken={"b": "its artifact is gone"},
    )
    plain = {
        "id": call_id(1),
        "received_us": 1000,
        "started_ns": 0,
        "dialect": "openai-chat",
        "endpoint": "e",
        "request": request,
        "snapshot": snapshot,
    }
    return Call(**plain | fields)


def a_chat(**fields):
    return ChatRequest(fields=fields, read=lambda fields: Conversation(turns=()))


def tensor(name, values, datatype="FP64", shape=None):
    return from_values(name, datatype, shape or [1, len(values)], values)


def put_on_record(call, error=None):
    """Let *call* travel, ending with *error*; return the one record and payload."""
    tape = Tape()
    path = Path([Resolve(), Record(tape, "local", now_ns=lambda: 5_000_000)])

    async def go():
        return [chunk async for chunk in path.travel(call)]

    if error is None:
        asyncio.run(go())
    else:
        with pytest.raises(error):
            asyncio.run(go())
    (recorded,) = tape.calls
    return recorded


def test_an_endpoint_that_nobody_declared_is_not_found():
    with pytest.raises(NotFound, match="no endpoint is called 'e'") as error:
        Resolve().admit(a_call(a_chat()))

    assert "/v1/models" in error.value.hint


def test_a_broken_endpoint_is_refused_and_the_reason_stays_here():
    with pytest.raises(NotReady, match="cannot be served now") as refusal:
        Resolve().admit(a_call(a_chat(), endpoint="b"))

    assert "its artifact is gone" not in str(refusal.value) + refusal.value.hint


def test_only_the_version_that_is_served_can_be_asked_for():
    Resolve().admit(asked := a_call(a_chat(), deployed(), number=2))

    assert asked.deployment.version.number == 2
    with pytest.raises(NotFound, match="serves version 2, not 3"):
        Resolve().admit(a_call(a_chat(), deployed(), number=3))


def test_a_conversation_is_recorded_with_its_payload():
    usage = Usage(input_tokens=3, output_tokens=2, cached_tokens=1)
    said = (Chunk(text="he"), Chunk(text="llo", usage=usage, finish="stop", served="x"))
    body = b'{"model": "e"}'
    clinic = Principal(kind="service-account", name="clinic", tenant="north")
    allowed = Decision(allowed=True, reasons=("role app",), policy_digest="sha256:p")
    asked = a_call(
        a_chat(),
        deployed(*said, attributes={"tenant": "north"}),
        body=body,
        principal=clinic,
        decision=allowed,
    )
    record, payload = put_on_record(asked)

    assert (record.kind, record.status, record.model) == ("llm", "ok", "triage@2")
    assert (record.principal, record.tenant) == ("service-account:clinic", "north")
    assert (record.decision, record.policy) == ("allow: role app", "sha256:p")
    assert (record.input_tokens, record.output_tokens, record.served) == (3, 2, "x")
    assert (record.latency_us, record.rows) == (5000, 0)
    assert payload.request == body.decode()
    assert json.loads(payload.response)["text"] == "hello"
    assert record.payload_commit == commit(
        payload.salt, payload.request, payload.response
    )
    assert len(bytes.fromhex(payload.salt)) == 32


def test_a_single_row_shows_its_features_and_its_prediction():
    definition = {"trained": {"features": NAMES[:2]}}
    said = Chunk(
        tensors=(tensor("p", [0.25, 0.75]), tensor("label", ["M"], "BYTES", [1])),
        finish="stop",
    )
    request = TensorRequest(inputs=(tensor("x", [14.5, math.nan]),))
    record, payload = put_on_record(
        a_call(request, deployed(said, definition=definition))
    )

    assert (record.kind, record.rows) == ("predict", 1)
    assert record.num == {"mean radius": 14.5}
    assert record.cat == {"mean texture": "nan", "output.label": "M"}
    assert record.prediction == {"p[0]": 0.25, "p[1]": 0.75}
    assert json.loads(payload.request)["inputs"][0]["data"] == [14.5, "nan"]


def test_features_may_come_as_inputs_of_their_own():
    definition = {"trained": {"features": NAMES}}
    request = TensorRequest(
        inputs=(
            tensor("site", ["left"], "BYTES"),
            tensor("mean radius", [3], "INT64"),
            tensor("unknown", [9.0]),
        )
    )
    record, _ = put_on_record(
        a_call(request, deployed(Chunk(finish="stop"), definition=definition))
    )

    assert record.num == {"mean radius": 3.0}
    assert record.cat == {"site": "left"}


def test_many_rows_are_counted_and_not_shown():
    definition = {"trained": {"features": ["a", "b"]}}
    request = TensorRequest(inputs=(tensor("x", [1.0, 2.0, 3.0, 4.0], shape=[2, 2]),))
    said = Chunk(tensors=(tensor("p", [0.1, 0.2], shape=[2]),), finish="stop")
    record, _ = put_on_record(a_call(request, deployed(said, definition=definition)))

    assert (record.rows, record.num, record.prediction) == (2, {}, {})


def test_a_large_tensor_is_kept_as_a_digest():
    values = [0.0] * 70_000
    request = TensorRequest(inputs=(tensor("x", values),))
    _, payload = put_on_record(a_call(request, deployed(Chunk(finish="stop"))))
    shown = json.loads(payload.request)["inputs"][0]

    assert shown["bytes"] == 560_000
    assert "data" not in shown


def test_an_error_is_recorded_by_its_code():
    failing = deployed(Chunk(text="he"), error=Invalid("the input is wrong"))
    record, payload = put_on_record(a_call(a_chat(), failing), Invalid)

    assert (record.status, record.error) == ("error", "invalid")
    assert json.loads(payload.response)["text"] == "he"


def test_a_call_to_no_endpoint_is_recorded_without_a_payload():
    record, payload = put_on_record(a_call(a_chat(), endpoint="\ud800" * 999), NotFound)

    assert (record.status, record.error) == ("error", "not_found")
    assert record.endpoint == "(no endpoint)"
    assert (payload, record.payload_commit) == (None, "")


def test_payloads_are_kept_only_where_the_endpoint_says_so():
    served = deployed(Chunk(finish="stop"), keep_payloads=False)
    record, payload = put_on_record(a_call(a_chat(), served))

    assert (payload, record.payload_commit) == (None, "")


@pytest.mark.parametrize("ack", ["durable", "spool"])
def test_who_waits_is_the_endpoints_choice(ack):
    tape, call = Tape(), a_call(a_chat(), deployed(ack=ack))
    call.deployment = call.snapshot.deployments["e"]
    Record(tape, "local").finish(call, Outcome())

    assert tape.durable == [ack == "durable"]


def test_what_cannot_be_recorded_is_recorded_as_such():
    bad = Usage(input_tokens=2**60)
    record, payload = put_on_record(
        a_call(a_chat(), deployed(Chunk(usage=bad, finish="stop")))
    )

    assert (record.error, payload) == ("unrecordable", None)
    assert "input_tokens" in record.cat["unrecordable"]


ODD = st.text(max_size=8)
TENSORS = st.one_of(
    st.builds(
        Tensor,
        name=ODD,
        datatype=st.sampled_from(["FP64", "FP16", "BOOL", "BYTES", "INT8"]),
        shape=st.lists(st.integers(0, 3), max_size=3).map(tuple),
        data=st.binary(max_size=40),
    ),
    st.builds(
        lambda name, values: tensor(name, values),
        ODD,
        st.lists(st.floats(), min_size=1, max_size=4),
    ),
)
REQUESTS = st.one_of(
    st.builds(
        TensorRequest,
        inputs=st.lists(TENSORS, max_size=3).map(tuple),
        request_id=ODD,
        parameters=st.dictionaries(ODD, st.one_of(ODD, st.floats()), max_size=2),
    ),
    st.builds(a_chat),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    request=REQUESTS,
    outputs=st.lists(TENSORS, max_size=2),
    features=st.lists(st.one_of(ODD, st.integers()), max_size=4),
    texts=st.tuples(ODD, ODD, ODD),
    body=st.binary(max_size=20),
)
def test_no_call_is_too_odd_to_be_recorded(request, outputs, features, texts, body):
    said = Chunk(text=texts[0], tensors=tuple(outputs), finish="stop", served=texts[1])
    served = deployed(said, definition={"trained": {"features": features}})
    call = a_call(request, served, trace_id=texts[2], body=body)
    record, _ = put_on_record(call)

    assert record.call_id == call.id


def test_a_recorded_call_is_in_the_log_when_the_caller_knows(yard):
    recorder = yard.recorder()
    recorder.start()
    call = a_call(a_chat(), deployed(Chunk(text="hello", finish="stop")))
    path = Path([Resolve(), Record(recorder, "local")])

    async def go():
        _ = [chunk async for chunk in path.travel(call)]
        return yard.log.search(CallQuery()), yard.log.find(call.id)

    ((record,), found) = asyncio.run(go())
    recorder.close()

    assert record.call_id == found.record.call_id == call.id
    assert json.loads(found.payload.response)["text"] == "hello"


def test_a_caller_learns_that_the_call_could_not_be_recorded(yard):
    recorder = yard.recorder()
    recorder.start()
    recorder.close()
    call = a_call(a_chat(), deployed(Chunk(text="hello", finish="stop")))
    path = Path([Resolve(), Record(recorder, "local")])

    async def go():
        return [chunk async for chunk in path.travel(call)]

    with pytest.raises(NotReady, match="call log is closed"):
        asyncio.run(go())
