"""A house in front of an upstream of the tests' own."""

from contextlib import ExitStack, contextmanager

from openai import OpenAI

from roadbed.adapters.providers.openai import Config, provider
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.upstream_responses import ResponsesUpstream
from tests.server.house import KEY, serving_house


def open_version(upstream, responses=True, **body):
    """A provider of *upstream*, and a version of it that it has opened."""
    hosted = {"provider": "up", "upstream": "gpt-test-2024-08-06", **body}
    version = ModelVersion(
        model="support", number=1, digest="sha256:1", definition={"hosted": hosted}
    )
    config = Config(base_url=upstream.url, private=True, responses=responses)
    maker = provider(config, None, None)
    return maker, maker.open(version)


@contextmanager
def behind(upstream, **how):
    """A house whose endpoint `support` is *upstream*, and a client of it."""
    with upstream:
        maker, opened = open_version(upstream, **how)
        with serving_house(runners={"support": opened}) as house:
            with client_of(house) as client:
                yield house, client
            house.wait(maker.close())


@contextmanager
def each(*hows):
    """A house with an endpoint for each way in which an upstream answers."""
    with ExitStack() as stack:
        upstreams = {how: stack.enter_context(ResponsesUpstream(how)) for how in hows}
        opened = {how: open_version(upstream) for how, upstream in upstreams.items()}
        runners = {how: runner for how, (_, runner) in opened.items()}
        with serving_house(runners=runners) as house, client_of(house) as client:
            house.client, house.upstreams = client, upstreams
            house.last_of = lambda how: [k for k in house.kept if k.endpoint == how][-1]
            yield house
            for maker, _ in opened.values():
                house.wait(maker.close())


def client_of(house):
    return OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0)
