"""A shadow: which calls a newer version is asked too, how, and if it answers the same.

A copy is asked after its call was answered, and nobody is given what it says. It may
do nothing but answer. So no tool is called in it: where tools are offered the copy says
that none may be, which leaves the rest of the question as it was, and calls that mean
nothing without their tools are not copied, nor are those that use or change what a
provider keeps.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Invalid, TimedOut
from roadbed.dialects import anthropic, openai, responses
from roadbed.evals.alike import normal
from roadbed.evals.online import MARK
from roadbed.gateway.money.rule import BudgetRule
from roadbed.gateway.money.scope import Scope
from roadbed.gateway.reuse.likeness import may_be_kept
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.chat import ChatRequest, CountRequest, TextRequest
from roadbed.inference.conversation import Conversation, ToolResult, ToolUse
from roadbed.inference.record import MIRRORED, MIRRORS, CallRecord
from roadbed.inference.snapshot import Arms, Deployment, Snapshot
from roadbed.inference.tensor import Tensor
from roadbed.inference.terms import Cache
from roadbed.rollouts.assignment import bucket_in, bucket_of, number_of, takes

DEADLINE_MS = 30_000
"""How long a copy may take, if its endpoint does not say less."""
TOLERANCE = 0.01
"""How far two predictions are apart that differ: a part of the larger one; of what
lies between 0 and 1, this much."""
ROLLOUT, AGREES = MIRRORED, "agrees"
"""The labels of a copy: its rollout, and whether it says the same as its call."""
_WORDS = {True: "yes", False: "no"}
_PLAIN = Cache(ttl_s=1, tools=True)
_NO_TOOL = {
    openai.SPOKEN.name: b'"none"',
    responses.SPOKEN.name: b'"none"',
    anthropic.SPOKEN.name: b'{"type":"none"}',
}
_NUMBERS = frozenset({"FP16", "FP32", "FP64"})
_ANSWERED = ("ok", "error", "truncated")


def is_drawn(arms: Arms, call: Call, outcome: Outcome) -> bool:
    """Say whether *call*, which the older version answered, is to be copied.

    Chance draws by the id of the call. What was answered from memory, in need, or
    for an evaluation is not copied, and neither is what came to no model.
    """
    if not arms.mirrored or outcome.status not in _ANSWERED or not call.attempts:
        return False
    if outcome.cache or outcome.degraded or MARK in call.labels:
        return False
    if call.arm is not None and (call.arm.side == "new" or call.arm.placed):
        return False
    return takes(bucket_of(f"mirror {arms.rollout}", call.id), arms.mirrored)


def copied(call: Call) -> TextRequest | TensorRequest | None:
    """Return what the newer version is asked, None if it must not be asked."""
    request = call.request
    if isinstance(request, TensorRequest):
        return request
    if isinstance(request, CountRequest) or not may_be_kept(call, _PLAIN):
        return None
    if not isinstance(request, ChatRequest) or not _offers(request):
        return request
    never = _NO_TOOL.get(call.dialect)
    try:
        asked = request.conversation()
    except Invalid:
        return None  # There are tools in it that the provider itself runs.
    if never is None or "functions" in request.fields or _needs(asked):
        return None
    fields = {**request.fields, "tool_choice": msgspec.Raw(never)}
    return msgspec.structs.replace(request, fields=fields, inner=None)


def _offers(request: ChatRequest) -> bool:
    return "tools" in request.fields or "functions" in request.fields


def _needs(asked: Conversation) -> bool:
    """Say whether the question means nothing without its tools."""
    if asked.choice is not None and asked.choice.mode in ("required", "named"):
        return True
    return any(
        isinstance(part, ToolUse | ToolResult)
        for turn in asked.turns
        for part in turn.parts
    )


def mirror_of(snapshot: Snapshot) -> Snapshot:
    """Return *snapshot* as copies see it: newer versions, on budgets of their own.

    Budgets and limits of callers are none of theirs. What all copies of a rollout may
    cost is a budget that is leased to replicas, so all of them together never spend
    more.
    """
    mirrored = {
        name: found.arms
        for name, found in snapshot.deployments.items()
        if found.arms is not None and found.arms.mirrored
    }
    return replace(
        snapshot,
        deployments={n: _asked(arms.newer) for n, arms in mirrored.items()},
        budgets=tuple(_rule(n, arms) for n, arms in mirrored.items()),
        limits=(),
    )


def _asked(newer: Deployment) -> Deployment:
    return replace(
        newer, deadline_ms=min(newer.deadline_ms, DEADLINE_MS), ack="spool", arms=None
    )


def _rule(endpoint: str, arms: Arms) -> BudgetRule:
    tenant = arms.newer.attributes.get("tenant", DEFAULT_TENANT)
    return BudgetRule(
        name=budget_of(arms.rollout),
        tenant=tenant,
        amount=arms.mirror_nano,
        period="total",
        scope=Scope(tenant=tenant, endpoint=endpoint),
        marks=(),
    )


def budget_of(rollout: str) -> str:
    """Return the name that the budget of a rollout's copies is counted under."""
    return f"mirror/{rollout}"  # No resource of a stack has such a name.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A call, its copy, and whether both say the same, None if that cannot be told.

    `unit` is the number of whoever is assigned as a whole; `flaws` are what is wrong
    with the answer to the call, and to the copy.
    """

    rollout: str
    unit: int
    call: CallRecord
    copy: CallRecord
    agrees: bool | None
    flaws: tuple[frozenset[str], frozenset[str]]


def unit_of(arms: Arms, call: Call) -> tuple[int, int]:
    """Return the unit and the bucket of *call*; of one that has none, its own."""
    arm = call.arm
    if arm is not None and arm.rollout == arms.rollout:
        return arm.unit, arm.bucket
    number = number_of(arms.salt, call.id)
    return number, bucket_in(number)


def labels_of(rollout: str, call: Call) -> dict[str, str]:
    """Return the labels of a copy of *call*."""
    return {ROLLOUT: rollout, MIRRORS: call.id}


def said_of(same: bool | None) -> dict[str, str]:
    """Return the label that says whether a copy agrees; none if nobody can tell."""
    return {} if same is None else {AGREES: _WORDS[same]}


def agreed(labels: Mapping[str, str]) -> bool | None:
    """Return what the labels of a copy say of that."""
    return {"yes": True, "no": False}.get(labels.get(AGREES, ""))


def within(record: CallRecord, deadline_ms: int) -> CallRecord:
    """Return *record* as it would have ended at *deadline_ms*.

    Copies have less time than calls, so both are held to the same.
    """
    if record.latency_us <= deadline_ms * 1_000:
        return record
    code = TimedOut.code
    return msgspec.structs.replace(record, status="error", error=code)


def agrees(one: Outcome, other: Outcome) -> bool | None:
    """Say whether two answers are the same but for spelling, or tiny differences.

    None where they cannot be compared: one of them did not come, called a tool, or
    is vectors.
    """
    both = (one, other)
    if any(o.status != "ok" or o.tools or o.vectors for o in both):
        return None
    if one.tensors or other.tensors:
        return _same_tensors(one.tensors, other.tensors)
    if one.ranking or other.ranking:
        first, second = ([at for at, _ in o.ranking] for o in both)
        return first == second
    texts = ["".join(o.text) for o in both]
    return normal(texts[0]) == normal(texts[1])


def _same_tensors(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Compare outputs by name: classes if there are any, or else the numbers."""
    mine, theirs = ({t.name: t for t in tensors} for tensors in (one, other))
    if mine.keys() != theirs.keys():
        return False
    classes = {n for n, t in mine.items() if t.datatype not in _NUMBERS}
    return all(_same(mine[n], theirs[n]) for n in classes or mine)


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if one.datatype not in _NUMBERS:
        return one.values() == other.values()
    pairs = list(zip(one.values(), other.values(), strict=True))
    shares = all(0 <= v <= 1 for pair in pairs for v in pair)
    beyond = TOLERANCE if shares else 0.0
    return all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=beyond)
        or (math.isnan(a) and math.isnan(b))
        for a, b in pairs
    )
