"""From what a call brought to what graders read."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.core.errors import (
    BudgetExhausted,
    Denied,
    LimitExceeded,
    RateLimited,
    Refused,
    RoadbedError,
)
from roadbed.evals.asking import Answered, Answering
from roadbed.inference.call import Chunk
from roadbed.inference.conversation import ToolUse
from roadbed.inference.record import CallRecord
from roadbed.inference.tensor import Tensor

_UNWILLING = ("refusal", "content_filter")
_PATIENCE_S = 60.0


class Gathered:
    """An answer under way, piece by piece."""

    __slots__ = ("_annotations", "_finish", "_refused", "_tensors", "_text", "_tools",
                 "_vectors")  # fmt: skip

    def __init__(self) -> None:
        self._text: list[str] = []
        self._tools: dict[int, list[str]] = {}
        self._tensors: tuple[Tensor, ...] = ()
        self._vectors: tuple[Sequence[float], ...] = ()
        self._annotations: list[Mapping[str, Any]] = []
        self._finish = ""
        self._refused = False

    def take(self, chunk: Chunk) -> None:
        """Take in one piece."""
        if chunk.text or chunk.refusal:
            self._text.append(chunk.text or chunk.refusal)
        self._refused |= bool(chunk.refusal)
        for piece in chunk.tools:
            known = self._tools.setdefault(piece.index, ["", "", ""])
            known[0] = piece.id or known[0]
            known[1] = piece.name or known[1]
            known[2] += piece.arguments
        self._annotations.extend(chunk.annotations)
        self._tensors = chunk.tensors or self._tensors
        self._vectors = chunk.vectors or self._vectors
        self._finish = chunk.finish or self._finish

    def answered(self, record: CallRecord | None) -> Answered:
        """Return the answer, with what its *record* says of money and time."""
        unwilling = self._refused or self._finish in _UNWILLING
        vectors = tuple(map(list, self._vectors))
        outputs = {"embedding": vectors} if vectors else outputs_of(self._tensors)
        return Answered(
            status="refused" if unwilling else "ok",
            text="".join(self._text),
            tools=tuple(map(_tool, self._tools.values())),
            outputs=outputs,
            documents=documents_of(self._annotations),
            finish=self._finish,
            **facts(record),
        )


def facts(record: CallRecord | None) -> dict[str, Any]:
    """Return what the record of a call says of it."""
    if record is None:
        return {}
    names = ("input_tokens", "output_tokens", "cost_nano", "latency_us", "first_us")
    found = {name: getattr(record, name) for name in names}
    return {"call_id": record.call_id, **found}


def failed(error: RoadbedError, record: CallRecord | None) -> Answered:
    """Return the answer that did not come.

    What the model or a policy refused is `refused`; all else is the machinery's fault.
    """
    unwilling = isinstance(error, Refused | Denied)
    status: Answering = "refused" if unwilling else "failed"
    said = f"{error.code}: {error.message}"[:500]
    return Answered(status=status, error=said, **facts(record))


def wait_s(error: RoadbedError) -> float | None:
    """Return how long to wait before asking again, None if that is of no use."""
    if not isinstance(error, RateLimited | LimitExceeded):
        return None
    asked = error.retry_after_s
    return None if asked is None or asked > _PATIENCE_S else max(asked, 0.01)


def spent(error: RoadbedError) -> bool:
    """Say whether *error* means that no more may be spent."""
    return isinstance(error, BudgetExhausted)


def outputs_of(tensors: Sequence[Tensor]) -> dict[str, tuple[Any, ...]]:
    """Return the values of each output, one for each row."""
    return {tensor.name: _rows(tensor) for tensor in tensors}


def documents_of(annotations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what the answer cites: texts, names, or JSON of an `id` and a `text`."""
    found = []
    for each in annotations:
        inner = each.get(str(each.get("type", "")))
        said = {**each, **inner} if isinstance(inner, dict) else each
        name, text = _first(said, _NAMES), _first(said, _TEXTS)
        both = json.dumps({"id": name, "text": text}, ensure_ascii=False)
        found.append(both if name and text else text or name)
    return tuple(text for text in found if text)


_NAMES = ("url", "filename", "title", "passage")
_TEXTS = ("text", "quote", "cited_text")


def _first(said: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(said[name]) for name in names if said.get(name)), "")


def _rows(tensor: Tensor) -> tuple[Any, ...]:
    values = [_plain(value) for value in tensor.values()]
    count = tensor.shape[0] if tensor.shape else 1
    width = len(values) // count if count else 0
    if width <= 1:
        return tuple(values)
    return tuple(values[at : at + width] for at in range(0, len(values), width))


def _plain(value: Any) -> Any:
    lost = isinstance(value, float) and not math.isfinite(value)
    return None if lost else value


def _tool(said: Sequence[str]) -> ToolUse:
    return ToolUse(id=said[0], name=said[1], arguments=said[2])
