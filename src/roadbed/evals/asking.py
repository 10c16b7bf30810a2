"""What an evaluation asks of the governed path, and what it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from roadbed.core.errors import BudgetExhausted
from roadbed.inference.conversation import ToolUse

Answering = Literal["ok", "refused", "failed"]
"""`refused` is the model's or the policy's word; `failed` is the machinery's fault."""


class BudgetSpent(BudgetExhausted):
    """What may be spent is spent: a run stops here, and keeps what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, as a caller would write it.

    `body` is the JSON of `dialect`: of the OpenAI chat completions (`openai`), of the
    Open Inference Protocol (`oip`), or of OpenAI's embeddings (`embeddings`), whose
    vectors are the output `embedding`, one row for each text. `labels` are what the
    call is counted under.
    """

    body: Mapping[str, Any]
    dialect: Literal["openai", "oip", "embeddings"] = "openai"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back. Money is in billionths of a dollar, times are microseconds.

    `text` and `tools` are of a model that speaks; `outputs` maps the names of a
    trained model's outputs to their values, one per row. `documents` are the texts
    that the answer was drawn from, if the model says so; each is a text, a name, or the
    JSON of an `id` and a `text`. `error` is the code and the message of what went
    wrong. `call_id` finds the call in the log.
    """

    status: Answering = "ok"
    error: str = ""
    call_id: str = ""
    text: str = ""
    tools: tuple[ToolUse, ...] = ()
    outputs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    latency_us: int = 0
    first_us: int = 0


Ask = Callable[[Question], Awaitable[Answered]]
"""Puts a question to one version, on the governed path. Raises nothing but cancellation
and BudgetSpent; what goes wrong is in the answer."""
