"""A dialect that lacks a word for something says so: by what it writes."""

from dataclasses import replace

import pytest

from roadbed.dialects import anthropic, bedrock, gemini, openai, responses
from roadbed.inference.conversation import Conversation, Text, Turn

PLAIN = Conversation(turns=(Turn(role="user", parts=(Text(text="hi"),)),), max_tokens=9)
SAID = {"temperature": 0.25, "top_p": 0.25, "top_k": 3, "seed": 7}
DIALECTS = (anthropic, bedrock, gemini, openai, responses)


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.WRITTEN.name)
def test_what_is_written_without_a_field_is_what_it_lacks(dialect, name):
    written = dialect.WRITTEN
    without = written.write(PLAIN)
    having = written.write(replace(PLAIN, **{name: SAID[name]}))

    assert (having == without) == (name in written.lacks)
