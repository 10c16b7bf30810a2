"""An endpoint with several versions at several real upstreams, behind a real server."""

from contextlib import ExitStack, contextmanager

from openai import OpenAI

from roadbed.adapters.providers.openai import Config, provider
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion
from roadbed.inference.snapshot import Upstream as Place
from roadbed.inference.terms import Terms
from roadbed.testing.upstream import Upstream
from tests.ports import free_port
from tests.server.house import KEY, serving_house

HELLO = [{"role": "user", "content": "hello there"}]
SAID = "You said: hello there"
DEAD = "dead"
"""A place where nobody listens."""


class Fleet:
    """A house with the endpoint `support`; `places` are its upstreams by name."""

    def __init__(self, house, client, places):
        self.house, self.client, self.places = house, client, places

    def ask(self, **fields):
        return self.client.chat.completions.create(
            model="support", messages=HELLO, **fields
        )

    def headers(self, **fields):
        """Return the headers and the status of an answer, whatever it is."""
        raw = self.client.chat.completions.with_raw_response
        answer = raw.create(model="support", messages=HELLO, **fields)
        return answer.headers

    def asked(self):
        """Return how often each place was asked."""
        return {name: len(p.requests) if p else 0 for name, p in self.places.items()}


@contextmanager
def fleet(*versions, retries=0, balance="weighted", own=None, **terms):
    """Serve `support@1` and its fallbacks; each version is a mapping of its places.

    A place is the name of a behaviour, several of them, or `DEAD`. The client makes
    *retries* of its own; *own* are those that the endpoint allows.
    """
    terms |= {"retries": {"backoff_ms": 5} | (own or {})}
    with ExitStack() as stack:
        places, makers, choices = {}, [], []
        for number, version in enumerate(versions, 1):
            ups = []
            for name, behaviours in version.items():
                url, places[name] = _opened(stack, behaviours)
                maker = provider(Config(base_url=url, private=True), None, None)
                made = _version(number)
                runner = maker.open(made)
                makers += [runner, maker]
                ups.append(Place(runner=runner, provider="up", name=name))
            choices.append(Choice(version=made, upstreams=tuple(ups), balance=balance))
        served = _deployment(tuple(choices), terms)
        house = stack.enter_context(serving_house(runners={"support": served}))
        url = f"{house.url}/v1"
        client = OpenAI(base_url=url, api_key=KEY, max_retries=retries, timeout=30)
        yield Fleet(house, stack.enter_context(client), places)
        for opened in makers:
            house.wait(opened.close())


def _opened(stack, behaviours):
    if behaviours == DEAD:
        return f"http://127.0.0.1:{free_port()}/v1", None
    several = (behaviours,) if isinstance(behaviours, str) else behaviours
    upstream = stack.enter_context(
        Upstream(*(several if isinstance(several, tuple | list) else (several,)))
    )
    return upstream.url, upstream


def _version(number):
    name = "support" if number == 1 else f"spare-{number}"
    definition = {"hosted": {"provider": "up", "upstream": f"gpt-{number}"}}
    return ModelVersion(
        model=name, number=1, digest=f"sha256:{number}", definition=definition
    )


def _deployment(choices, terms):
    known = Terms(**({"deadline_ms": 10_000} | terms))
    return Deployment(
        endpoint="support",
        choices=choices,
        deadline_ms=known.deadline_ms,
        terms=known,
    )
