"""LangChain's standard tests of a chat model and of embeddings, against Roadbed.

What only a model that thinks can pass (it has to choose a tool and its arguments, or
keep to a schema) is left out by what the classes say of themselves.
"""

import json
import os

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import (
    ChatModelIntegrationTests,
    EmbeddingsIntegrationTests,
)

LINE = {
    "base_url": os.environ["EXAMINED_URL"],
    "api_key": os.environ["EXAMINED_KEY"],
    "max_retries": 0,
}
ENDPOINTS = os.environ["EXAMINED_ENDPOINTS"].split()
ASKED = [(name, native) for name in ENDPOINTS for native in (False, True)]


class _Chat(ChatModelIntegrationTests):
    endpoint, native = "", False
    chat_model_class = ChatOpenAI
    has_tool_calling = False
    has_structured_output = False
    supports_json_mode = False

    @property
    def chat_model_params(self):
        own = {"use_responses_api": self.native, "stream_usage": True}
        return {**LINE, "model": self.endpoint, **own}

    @property
    def standard_chat_model_params(self):
        if self.native:
            return {"temperature": 0, "max_tokens": 100}
        return super().standard_chat_model_params


PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)

for _name, _native in ASKED:
    _title = (
        f"Test{_name.removeprefix('by-').title()}{'Responses' if _native else 'Chat'}"
    )
    globals()[_title] = type(
        _title, (_Chat,), {"endpoint": _name, "native": _native, "__test__": True}
    )
_Chat.__test__ = False


class TestVectors(EmbeddingsIntegrationTests):
    embeddings_class = OpenAIEmbeddings

    @property
    def embedding_model_params(self):
        return {**LINE, "model": "by-openai", "check_embedding_ctx_length": False}


@pytest.mark.parametrize(("name", "native"), ASKED)
def test_a_tool_is_called_and_its_result_taken(name, native):
    tool = {
        "name": "look_up",
        "description": "Looks up.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    }
    model = ChatOpenAI(**LINE, model=name, use_responses_api=native)
    asked = HumanMessage("look it up")
    called = model.bind_tools([tool]).invoke([asked])
    streamed = None
    for piece in model.bind_tools([tool]).stream([asked]):
        streamed = piece if streamed is None else streamed + piece

    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("look_up", {"text": "You said: look it up"})
    assert [c["args"] for c in streamed.tool_calls] == [call["args"]]
    result = ToolMessage(json.dumps({"found": 1}), tool_call_id=call["id"])
    assert model.invoke([asked, called, result]).text


@pytest.mark.parametrize(("name", "native"), ASKED)
def test_a_picture_is_taken(name, native):
    model = ChatOpenAI(**LINE, model=name, use_responses_api=native)
    picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
    text = {"type": "text", "text": "what is this?"}

    assert "what is this?" in model.invoke([HumanMessage(content=[text, picture])]).text
