"""Rerank as Cohere, Jina and vLLM ask for it: documents, ordered by a query."""

from roadbed.dialects.base import Spoken
from roadbed.dialects.openai.errors import body_of
from roadbed.dialects.rerank.parse_request import DIALECT, read
from roadbed.dialects.rerank.write_answer import whole

SPOKEN = Spoken(name=DIALECT, read=read, whole=whole, error=body_of)
