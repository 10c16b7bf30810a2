"""Google's Gemini API, for upstreams: `generateContent` and its stream."""

from dataclasses import replace

from roadbed.dialects.base import Written
from roadbed.dialects.gemini import write_request as request
from roadbed.dialects.gemini.errors import DIALECT
from roadbed.dialects.gemini.parse_answer import Answer

WRITTEN = Written(
    name=DIALECT,
    write=request.write,
    prepend=request.prepend,
    stream=request.stream,
    reader=Answer,
    reserved=request.RESERVED,
    merged=request.MERGED,
)
BY_BUDGET = replace(WRITTEN, write=request.write_with_budget)
"""As models before Gemini 3 are asked: how hard to think is a number of tokens."""
