"""Embeddings as OpenAI asks for them: texts, or lists of tokens, made into vectors."""

from roadbed.dialects.base import Spoken
from roadbed.dialects.embeddings.parse_request import DIALECT, read
from roadbed.dialects.embeddings.write_answer import whole
from roadbed.dialects.openai.errors import body_of

SPOKEN = Spoken(name=DIALECT, read=read, whole=whole, error=body_of)
