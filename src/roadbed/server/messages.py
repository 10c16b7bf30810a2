"""What is particular to Anthropic's Messages API, beside what all dialects share."""

import re
from dataclasses import replace

from roadbed.inference.chat import ChatRequest
from roadbed.server.dataplane import Asked, Dialect
from roadbed.server.exchange import Exchange

_BETA = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
_MOST_BETAS = 32


def with_betas(dialect: Dialect, exchange: Exchange) -> Dialect:
    """Return *dialect* for one request, which may ask for betas in a header."""
    listed = exchange.header(b"anthropic-beta")
    if not listed:
        return dialect
    names = [name.strip() for name in listed.split(",")][:_MOST_BETAS]
    betas = tuple(name for name in names if _BETA.fullmatch(name))

    def read(body: bytes) -> Asked:
        asked = dialect.read(body)
        assert isinstance(asked.request, ChatRequest)
        asked.request.betas = betas
        return asked

    return replace(dialect, read=read)
