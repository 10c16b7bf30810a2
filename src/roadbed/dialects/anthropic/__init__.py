"""Anthropic Messages, for callers and for upstreams."""

from roadbed.dialects.anthropic import write_answer as answer
from roadbed.dialects.anthropic import write_request as request
from roadbed.dialects.anthropic.errors import DIALECT, body_of
from roadbed.dialects.anthropic.parse_answer import Answer
from roadbed.dialects.anthropic.parse_request import read, read_count
from roadbed.dialects.base import Spoken, Written

SPOKEN = Spoken(
    name=DIALECT,
    read=read,
    whole=answer.whole,
    error=body_of,
    view=answer.EventView,
    heartbeat=b'event: ping\ndata: {"type":"ping"}\n\n',
)
COUNTED = Spoken(name=DIALECT, read=read_count, whole=answer.counted, error=body_of)
"""The counting of tokens: asked as a conversation, answered with a number."""
WRITTEN = Written(
    name=DIALECT,
    write=request.write,
    prepend=request.prepend,
    stream=request.stream,
    reader=Answer,
    reserved=request.RESERVED,
    lacks=("seed",),
)
