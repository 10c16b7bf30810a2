"""Which upstream names are pins."""

import pytest

from roadbed.adapters.providers.openai import Config, unpinned


@pytest.mark.parametrize(
    "upstream",
    [
        "gpt-4o-2024-08-06",
        "gpt-4-0613",
        "gpt-4-0125-preview",
        "claude-sonnet-4-20250514",
        "mistral-large-2411",
        "ft:gpt-4o-mini-2024-07-18:acme::abc123",
        "publishers/x@20250101",
        "meta-llama/Llama-3@0e9e39f249a1",
        "qwen@sha256:" + "a" * 64,
    ],
)
def test_a_dated_name_is_a_pin(upstream):
    assert unpinned(Config(), upstream) is None


@pytest.mark.parametrize(
    "upstream",
    [
        "gpt-4o",
        "gpt-4o-latest",
        "latest",
        "llama3:latest",
        "llama3.2:3b",
        "gpt-4o-2024-13-45",
        "gpt-4o-2024-08-06-latest",
        "GPT-4o-Latest-2024-08-06",
        "llama3:MAIN@0e9e39f249a1",
        "model-9999",
        "ft:gpt-4o:acme::abc123",
        "",
    ],
)
def test_a_floating_alias_is_named_with_a_way_out(upstream):
    reason = unpinned(Config(), upstream)

    assert repr(upstream) in reason
    assert "pinning: declared" in reason


def test_names_that_were_declared_to_be_pins_are_pins():
    assert unpinned(Config(pinning="declared"), "llama3.2:3b") is None
