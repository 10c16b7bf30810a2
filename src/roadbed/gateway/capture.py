"""From a finished call to its record and its payload, whatever the call was like."""

import hashlib
import math
from typing import Any

import msgspec

from roadbed.core.fresh import Fresh
from roadbed.gateway.facts import facts_of, text_of
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.chat import EmbedRequest, RerankRequest, TextRequest
from roadbed.inference.record import CallRecord, Payload, commit
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.tensor import Tensor

MAX_FEATURES = 512
MAX_OUTPUTS = 32
MAX_TENSOR_ITEMS = 16_384
_salt = Fresh(32)
_encode = msgspec.json.Encoder().encode


def record_of(
    call: Call, outcome: Outcome, payload: Payload | None, *, region: str, now_ns: int
) -> CallRecord:
    """Return the record of a call that ended at *now_ns* (monotonic).

    A call about a single row also shows its features and its prediction, by name.
    """
    num, cat, prediction = _of_row(call, outcome)
    version, provider = answered_by(call)
    return CallRecord(
        call_id=call.id,
        ts=call.received_us,
        region=region,
        tenant=call.principal.tenant if call.principal else "",
        endpoint=call.asked_for,
        kind="predict" if isinstance(call.request, TensorRequest) else "llm",
        dialect=call.dialect,
        status=outcome.status,
        error=_error(outcome),
        model=_name(call, version) if version else "",
        model_digest=version.digest if version else "",
        provider=provider,
        served=text_of(outcome.served),
        principal=text_of(call.principal.chain) if call.principal else "",
        decision=_decision(call),
        snapshot=call.snapshot.digest,
        policy=_policy(call),
        latency_us=max((now_ns - call.started_ns) // 1000, 0),
        first_us=_first_us(call, outcome),
        rows=rows_of(call.request),
        trace_id=text_of(call.trace_id),
        payload_commit=_commit(payload),
        num=num,
        cat=cat,
        prediction=prediction,
        **facts_of(call, outcome),
    )


def _of_row(
    call: Call, outcome: Outcome
) -> tuple[dict[str, float], dict[str, str], dict[str, float]]:
    """Return what the record shows of a single row: numbers, texts, predictions."""
    if not isinstance(call.request, TensorRequest):
        return {}, {}, {}
    num, cat = features_of(call)
    prediction, texts = prediction_of(call, outcome)
    return num, cat | texts, prediction


def _name(call: Call, version: ModelVersion) -> str:
    served = call.deployment.choices[0] if call.deployment else None
    return served.name if served and served.version is version else str(version)


def answered_by(call: Call) -> tuple[ModelVersion | None, str]:
    """Return the version that answered, and the provider that it runs on.

    Where none did, that is what the endpoint serves.
    """
    deployment = call.deployment
    if deployment is None:
        return None, ""
    given = call.answered
    if given is None or given.model == deployment.choices[0].name:
        return deployment.version, deployment.provider
    asked = (*deployment.choices, *deployment.smaller.values())
    known = (choice.version for choice in asked)
    found = next((v for v in known if str(v) == given.model), deployment.version)
    return found, given.provider


def payload_of(call: Call, outcome: Outcome) -> Payload:
    """Return what was asked and answered, under a fresh random salt."""
    return Payload(
        call_id=call.id,
        ts=call.received_us,
        tenant=call.principal.tenant if call.principal else "",
        endpoint=call.asked_for,
        salt=_salt().hex(),
        request=_request(call),
        response=_response(call, outcome),
    )


def rows_of(request: TextRequest | TensorRequest) -> int:
    """Return how many rows were put to a model; 0 for a conversation.

    Each text to embed is one, and so is each document to rank.
    """
    if isinstance(request, EmbedRequest):
        return len(request.inputs)
    if isinstance(request, RerankRequest):
        return len(request.documents)
    if not isinstance(request, TensorRequest) or not request.inputs:
        return 0
    shape = request.inputs[0].shape
    return shape[0] if shape else 1


def features_of(call: Call) -> tuple[dict[str, float], dict[str, str]]:
    """Return the numbers and the texts of a single row, by the names of features.

    The version's definition gives the names, in the order of the columns, or of
    the inputs. What is no finite number is kept as text: `nan`, `inf`, `-inf`.
    """
    names = _feature_names(call)
    if not names or rows_of(call.request) != 1:
        return {}, {}
    assert isinstance(call.request, TensorRequest)
    inputs = call.request.inputs
    if len(inputs) == 1 and _items(inputs[0]) == len(names):
        pairs = list(zip(names, inputs[0].values(), strict=False))
    else:
        known = [t for t in inputs if t.name in names and _items(t) == 1]
        pairs = [(tensor.name, value) for tensor in known for value in tensor.values()]
    return _sorted_out(pairs)


def prediction_of(
    call: Call, outcome: Outcome
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the numbers that were predicted for a single row, and the texts.

    An output with several items gives `name[0]`, `name[1]`, …; the names of texts
    begin with `output.`, so that they never hide a feature.
    """
    if rows_of(call.request) != 1:
        return {}, {}
    pairs = [
        (tensor.name if _items(tensor) == 1 else f"{tensor.name}[{i}]", value)
        for tensor in outcome.tensors
        if 0 < _items(tensor) <= MAX_OUTPUTS
        for i, value in enumerate(tensor.values())
    ]
    numbers, texts = _sorted_out(pairs)
    return numbers, {f"output.{name}": value for name, value in texts.items()}


def _sorted_out(
    pairs: list[tuple[str, Any]],
) -> tuple[dict[str, float], dict[str, str]]:
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in pairs:
        if isinstance(value, str):
            texts[text_of(name)] = text_of(value)
        elif math.isfinite(value):
            numbers[text_of(name)] = float(value)
        else:
            texts[text_of(name)] = str(float(value))
    return numbers, texts


def _feature_names(call: Call) -> list[str]:
    if call.deployment is None or not isinstance(call.request, TensorRequest):
        return []
    names = call.deployment.version.body.get("features") or []
    plain = [name for name in names if isinstance(name, str)]
    return plain if len(plain) == len(names) <= MAX_FEATURES else []


def _items(tensor: Tensor) -> int:
    return math.prod(tensor.shape)


def _error(outcome: Outcome) -> str:
    if outcome.error is not None:
        return outcome.error.code
    return "internal" if outcome.status == "error" else ""


def _decision(call: Call) -> str:
    if call.decision is None:
        return ""
    word = "allow" if call.decision.allowed else "deny"
    return text_of(f"{word}: {'; '.join(call.decision.reasons)}")


def _policy(call: Call) -> str:
    if call.decision is not None:
        return call.decision.policy_digest
    return call.snapshot.authority.digest


def _first_us(call: Call, outcome: Outcome) -> int:
    if not outcome.first_ns:
        return 0
    return max((outcome.first_ns - call.started_ns) // 1000, 0)


def _commit(payload: Payload | None) -> str:
    if payload is None:
        return ""
    return commit(payload.salt, payload.request, payload.response)


def _request(call: Call) -> str:
    if not isinstance(call.request, TensorRequest):
        body = call.body or _encode(call.request.fields)
        return body.decode("utf-8", "replace")
    asked: dict[str, Any] = {"inputs": [_tensor(t) for t in call.request.inputs]}
    if call.request.request_id:
        asked["id"] = call.request.request_id
    if call.request.outputs:
        asked["outputs"] = [{"name": name} for name in call.request.outputs]
    if call.request.parameters:
        asked["parameters"] = call.request.parameters
    return _json(asked)


def _response(call: Call, outcome: Outcome) -> str:
    answer: dict[str, Any] = {"status": outcome.status}
    if isinstance(call.request, TensorRequest):
        answer["outputs"] = [_tensor(t) for t in outcome.tensors]
    else:
        answer |= {"text": "".join(outcome.text), "finish": outcome.finish}
    if outcome.tools:
        names = ("id", "name", "arguments")
        calls = [dict(zip(names, c, strict=True)) for c in outcome.tools.values()]
        answer["tool_calls"] = calls
    if outcome.vectors:
        answer["vectors"] = outcome.vectors
    if outcome.ranking:
        answer["ranking"] = outcome.ranking
    if outcome.annotations:
        answer["annotations"] = outcome.annotations
    if outcome.error is not None:
        answer["error"] = {"code": outcome.error.code, "message": outcome.error.message}
    return _json(answer)


def _tensor(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as JSON; of a large one only the digest of its bytes."""
    shown = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if _items(tensor) > MAX_TENSOR_ITEMS or len(tensor.data) > 16 * MAX_TENSOR_ITEMS:
        digest = hashlib.sha256(tensor.data).hexdigest()
        return shown | {"sha256": digest, "bytes": len(tensor.data)}
    values = [v if _is_json(v) else str(v) for v in tensor.values()]
    return shown | {"data": values}


def _is_json(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _json(value: Any) -> str:
    try:
        return _encode(value).decode()
    except UnicodeError:
        return _encode(_whole(value)).decode()


def _whole(value: Any) -> Any:
    """Return *value* with every half character in it replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(k): _whole(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value
