"""How long an upstream is waited for, also when it never makes us wait."""

import time

import pytest

from roadbed.adapters.providers.openai import Config
from roadbed.core.errors import TimedOut
from roadbed.testing.provider_contract import chat_request, make_call
from roadbed.transport.limits import Limits


def test_an_upstream_that_always_has_more_meets_the_deadline():
    """What is there at once is never waited for: no timer would stop it."""
    config = Config(base_url="http://127.0.0.1:9/v1", private=True)
    call = make_call(None, chat_request("a"), deadline_ms=5_000)
    limits = Limits(call, config)

    assert limits.idle().at_s > time.monotonic()
    call.started_ns -= 6_000_000_000
    with pytest.raises(TimedOut, match="deadline of 5000 ms"):
        Limits(call, config).idle()
