"""The settings of an OpenAI-compatible provider."""

import pytest
from pydantic import ValidationError

from roadbed.adapters.providers.openai import Config

KEY = "sk-canary-3f9a7c51e8d2"


@pytest.mark.parametrize(
    "config",
    [
        {"api_key": KEY},
        {"base_url": f"https://me:{KEY}@example.org/v1"},
        {"base_url": f"https://example.org/v1?key={KEY}"},
        {"base_url": "ftp://example.org"},
        {"base_url": "http://example.org/v1"},
        {"base_url": "http://example.org:99999/v1"},
        {"base_url": "example.org/v1"},
        {"pinning": "whatever"},
        {"connect_timeout_ms": 0},
        {"unknown": 1},
    ],
)
def test_a_wrong_config_is_refused_without_repeating_it(config):
    with pytest.raises(ValidationError) as raised:
        Config(**config)

    assert KEY not in str(raised.value)
