"""The sample with an attack in every text."""

from dataclasses import fields, is_dataclass, replace
from typing import get_args

from roadbed.control.proof.link import State
from tests.console.custody import Twisted
from tests.console.learned import HostileLearning
from tests.console.sample import SampleData, call_id

ATTACK = (
    '"\'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    '<b hx-get="/console/audit" hx-trigger="load" hx-target="body">{{7*7}}</b>'
    "</title></textarea><svg onload=window.hacked=1><a href=javascript:hacked=1>x</a>"
)
LINKS = (
    "javascript:window.hacked=1",
    "//evil.example/console/",
    "https://evil.example",
    "/console/\"onmouseover='hacked=1'",
)


def hostile(value, name=""):
    """Return *value* with the attack in every text, and bad links in every href."""
    if name == "state" and value in get_args(State):
        return value  # one of a closed list, by which the code decides
    if isinstance(value, str):
        return LINKS[len(value) % len(LINKS)] if name == "href" else value + ATTACK
    if isinstance(value, tuple | list):
        return type(value)(hostile(each) for each in value)
    if isinstance(value, dict):
        return {key + ATTACK: hostile(each) for key, each in value.items()}
    if is_dataclass(value):
        changes = {
            f.name: hostile(getattr(value, f.name), f.name) for f in fields(value)
        }
        return replace(value, **changes)
    return value


class HostileData:
    """Answers everything, whatever the name, with attacks."""

    _sample = SampleData()

    def __init__(self, custody):
        self.custody = Twisted(custody, hostile)
        self.assays = self._sample.assays
        self.rolling = self._sample.rolling

    def seen_by(self, viewer):
        return self

    def find(self, kind, name, declared=""):
        return self._sample.find(kind, name)

    def learning(self, now_us):
        return HostileLearning(hostile)

    def overview(self, now_us):
        return hostile(self._sample.overview(now_us))

    def calls(self, wanted, now_us):
        plain = replace(wanted, before="", peek="", endpoint="", model="", principal="")
        return hostile(self._sample.calls(plain, now_us))

    def peek(self, name):
        return hostile(self._sample.peek(call_id(3)))

    def call(self, name):
        return hostile(self._sample.call(call_id(0)))

    def verify(self, name):
        return hostile(self._sample.verify(call_id(0)))

    def bodies(self, name):
        return hostile(self._sample.bodies(call_id(0)))

    def endpoints(self, now_us):
        return hostile(self._sample.endpoints(now_us))

    def endpoint(self, name, now_us):
        return hostile(self._sample.endpoint("wine-quality", now_us))

    def spending(self, wanted, now_us):
        return hostile(self._sample.spending(wanted, now_us))

    def audit(self, wanted):
        return hostile(
            self._sample.audit(replace(wanted, actor="", action="", resource=""))
        )

    def changes(self):
        return hostile(self._sample.changes())

    def resource(self, kind, name):
        return hostile(self._sample.resource("Model", "tumor-triage"))
