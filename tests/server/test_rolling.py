"""A whole line: a good version is promoted by itself, and a bad one is rolled back."""

import threading
import time

import pytest

from roadbed.rollouts import store
from roadbed.testing.upstream import Upstream
from tests.control.stacks import OPERATOR, endpoint, resource
from tests.served_line import ServedLine

BLOCK = """\
retries: {attempts: 1}
rollout:
  unit: call
  steps:
  - {percent: 50, hold_s: 1, units: 10}
  guardrails: [{metric: errors, margin: 0.5}]
  soak_s: 3
"""


def model(upstream, provider):
    spec = f"owner: team\nhosted:\n  provider: {provider}\n  upstream: {upstream}"
    return resource("Model", "bot", spec)


def provider(name, upstream):
    config = f"base_url: {upstream.url}\n  private: true"
    return resource("Provider", name, f"type: openai\nconfig:\n  {config}")


class Busy:
    """A line with one endpoint, which somebody asks all the time."""

    def __init__(self, folder, **upstreams):
        self.fixed = (OPERATOR, *(provider(n, u) for n, u in upstreams.items()))
        self.line = ServedLine(folder)
        settings = self.line.settings.model_copy(update={"rollout_look_s": 0.2})
        object.__setattr__(self.line.app, "settings", settings)
        self.stop = threading.Event()
        self.failed = 0
        self.pin(1, "gpt-4o-2024-05-13")
        self.line.start()
        self.threads = [threading.Thread(target=self.ask) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def pin(self, number, upstream, provider="well"):
        bot = endpoint(model=f"bot@{number}", more=BLOCK)
        self.line.apply(*self.fixed, model(upstream, provider), bot)

    def ask(self):
        body = {"model": "bot", "messages": [{"role": "user", "content": "hello"}]}
        while not self.stop.is_set():
            status, _, _ = self.line.ask(
                "POST", "/v1/chat/completions", self.line.key, body
            )
            self.failed += status >= 500

    def newest(self):
        with self.line.app.database.read() as connection:
            return store.newest(connection, "bot")

    def ends(self, phase):
        """Wait until the newest rollout is over, which is to be in *phase*."""
        until, ends = time.monotonic() + 45, {"paused", "inconclusive"}
        while not ((found := self.newest()).state.over or found.state.phase in ends):
            assert time.monotonic() < until, found.state
            time.sleep(0.1)
        assert found.state.phase == phase, found.state
        return found

    def close(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.line.stop()


@pytest.fixture
def busy(tmp_path):
    with Upstream() as well, Upstream("500") as ill:
        found = Busy(tmp_path, well=well, ill=ill)
        yield found
        found.close()


def test_a_good_version_is_promoted_and_a_bad_one_rolled_back_by_themselves(busy):
    busy.pin(2, "gpt-4o-2024-08-06")
    assert busy.ends("promoted").new == "bot@2"
    assert busy.failed == 0

    busy.pin(3, "gpt-4o-2024-11-20", "ill")
    reason = busy.ends("rolled_back").state.reason
    assert reason in ("errors got worse", "it does nothing but fail")
    alerts = busy.line.ask("GET", "/api/v1/alerts", busy.line.key)[2]["alerts"]
    [told] = [a for a in alerts if a["code"] == "rollout.rolled-back"]
    assert told["message"] == f"bot went back to bot@2 from bot@3: {reason}"
    before = busy.failed
    body = {"model": "bot", "messages": [{"role": "user", "content": "hello"}]}
    for _ in range(20):
        path = "/v1/chat/completions"
        assert busy.line.ask("POST", path, busy.line.key, body)[0] == 200
    assert busy.failed == before > 0
