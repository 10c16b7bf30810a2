"""OpenAI chat completions, for callers and for upstreams."""

from roadbed.dialects.base import Spoken, Written
from roadbed.dialects.openai import write_answer as answer
from roadbed.dialects.openai import write_request as request
from roadbed.dialects.openai.errors import DIALECT, body_of
from roadbed.dialects.openai.parse_answer import Answer
from roadbed.dialects.openai.parse_request import read

SPOKEN = Spoken(
    name=DIALECT,
    read=read,
    whole=answer.whole,
    error=body_of,
    view=answer.EventView,
    heartbeat=b": still working\n\n",
)
WRITTEN = Written(
    name=DIALECT,
    write=request.write,
    prepend=request.prepend,
    stream=request.stream,
    reader=Answer,
    reserved=request.RESERVED,
    lacks=("top_k",),
)
