"""Calls with a price: $1 a million input tokens, so 1,000 tokens are 1,000,000 nano."""

import msgspec

from roadbed.core.actor import Principal
from roadbed.core.errors import BudgetExhausted
from roadbed.gateway.money.tariff import ATTO, Prices, Rate, Tariff, When
from roadbed.inference.call import Call
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import Conversation
from roadbed.inference.snapshot import Choice, ModelVersion, Snapshot, Upstream

PRICES = Prices(((When(), Tariff(input=Rate(ATTO))),))
CALLER = Principal(kind="service-account", name="ci", labels=(("team", "search"),))
BODY = b"x" * ((1_000 - 16) * 3)
"""What is reckoned as 1,000 tokens by whoever knows nothing of the model."""


class Authority:
    digest = "none"


def choice_at(prices, provider="openai"):
    version = ModelVersion(
        model="m", number=1, digest="d", definition={"hosted": {"upstream": "u"}}
    )
    place = Upstream(runner=None, provider=provider, prices=prices)
    return Choice(version=version, upstreams=(place,))


def a_call(rules=(), body=BODY, caller=CALLER, limits=(), **facts):
    snapshot = Snapshot(
        revision=1, digest="s", authority=Authority(), credentials={}, deployments={},
        budgets=tuple(rules), limits=tuple(limits),
    )  # fmt: skip
    request = ChatRequest(
        fields={"messages": msgspec.Raw(b"[]")}, read=lambda _f: Conversation(turns=())
    )
    known = {"id": "x", "received_us": 0, "started_ns": 0, "dialect": "openai"}
    known |= {"endpoint": "e", "request": request, "body": body} | facts
    return Call(snapshot=snapshot, principal=caller, **known)


async def asked(hold):
    """Say whether *hold* was granted."""
    try:
        await hold
    except BudgetExhausted:
        return False
    return True
