"""What is particular to Anthropic's Messages API, beside what all dialects share."""

import re
from dataclasses import replace

from roadbed.dialects.base import Spoken
from roadbed.inference.chat import ChatRequest
from roadbed.server.exchange import Exchange

_BETA = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
_MOST_BETAS = 32


def asked_with(spoken: Spoken, exchange: Exchange) -> Spoken:
    """Return *spoken* for one request, which may ask for betas in a header."""
    listed = exchange.header(b"anthropic-beta")
    if not listed:
        return spoken
    names = [name.strip() for name in listed.split(",")][:_MOST_BETAS]
    betas = tuple(name for name in names if _BETA.fullmatch(name))

    def read(body: bytes) -> tuple[str, ChatRequest]:
        name, request = spoken.read(body)
        assert isinstance(request, ChatRequest)
        request.betas = betas
        return name, request

    return replace(spoken, read=read)
