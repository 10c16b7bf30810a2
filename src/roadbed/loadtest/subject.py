"""What is put under load: where it is asked, and with which bodies."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.core.errors import Invalid
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.terms import Latency
from roadbed.loadtest.profile import Profile, questions

Bodies = Callable[[int], list[bytes]]
"""Makes so many request bodies."""
_FLOATS = frozenset({"FP16", "FP32", "FP64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One endpoint: the path it is asked at, what it promises, and what to ask it."""

    endpoint: str
    model: str
    path: str
    deadline_ms: int
    latency: Latency | None
    stream: bool
    bodies: Bodies


def subject_of(
    name: str, spec: Mapping[str, Any], version: ModelVersion, profile: Profile
) -> Subject:
    """Return the endpoint *name* with this *spec*, serving *version*, as a subject.

    A hosted model is asked by chat, a trained one with random rows of its signature.
    """
    hosted = version.kind == "hosted"
    said = spec.get("latency")
    return Subject(
        endpoint=name,
        model=str(version),
        path="/v1/chat/completions" if hosted else f"/v2/models/{name}/infer",
        deadline_ms=spec["deadline_ms"],
        latency=Latency(**said) if said else None,
        stream=profile.stream and hosted,
        bodies=_chats(name, profile) if hosted else _rows(version, profile),
    )


def _chats(name: str, profile: Profile) -> Bodies:
    def make(count: int) -> list[bytes]:
        return [_chat(name, profile, text) for text in questions(profile, count)]

    return make


def _chat(name: str, profile: Profile, text: str) -> bytes:
    body: dict[str, Any] = {
        "model": name,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": profile.max_tokens,
    }
    if profile.stream:
        body |= {"stream": True}
    return msgspec.json.encode(body)


def _rows(version: ModelVersion, profile: Profile) -> Bodies:
    inputs = version.body["signature"]["inputs"]
    if odd := [i["name"] for i in inputs if i["datatype"] not in _FLOATS]:
        raise Invalid(
            f"no rows can be made up for the input {odd[0]!r} of {version}",
            hint="write one request to a file and give it with --body",
        )

    def make(count: int) -> list[bytes]:
        draw = random.Random(profile.seed)
        return [_row(inputs, draw) for _ in range(count)]

    return make


def _row(inputs: list[Mapping[str, Any]], draw: random.Random) -> bytes:
    tensors = []
    for item in inputs:
        shape = [1 if size in (-1, None) else size for size in item["shape"]]
        count = 1
        for size in shape:
            count *= size
        values = [draw.gauss(0.0, 1.0) for _ in range(count)]
        named = {"name": item["name"], "datatype": item["datatype"], "shape": shape}
        tensors.append(named | {"data": values})
    return msgspec.json.encode({"inputs": tensors})
