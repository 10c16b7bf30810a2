"""OpenAI's Responses API, for callers and for upstreams."""

from roadbed.dialects.base import Spoken, Written
from roadbed.dialects.openai.errors import body_of
from roadbed.dialects.responses import write_answer as answer
from roadbed.dialects.responses import write_request as request
from roadbed.dialects.responses.describe import DIALECT
from roadbed.dialects.responses.parse_answer import Answer
from roadbed.dialects.responses.parse_request import read, read_count

SPOKEN = Spoken(
    name=DIALECT,
    read=read,
    whole=answer.whole,
    error=body_of,
    view=answer.EventView,
    heartbeat=b": still working\n\n",
)
COUNTED = Spoken(name=DIALECT, read=read_count, whole=answer.counted, error=body_of)
"""The counting of tokens: asked as a response is, answered with a number."""
WRITTEN = Written(
    name=DIALECT,
    write=request.write,
    prepend=request.prepend,
    stream=request.stream,
    reader=Answer,
    reserved=request.RESERVED,
    lacks=("seed", "top_k"),
    pins=request.pins,
)
