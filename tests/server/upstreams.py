"""A house in front of an upstream of the tests' own."""

from contextlib import contextmanager

from openai import OpenAI

from roadbed.adapters.providers.openai import Config, provider
from roadbed.inference.snapshot import ModelVersion
from tests.server.house import KEY, serving_house


@contextmanager
def behind(upstream, *, responses=True, **body):
    """A house whose endpoint `support` is *upstream*, and a client of it."""
    hosted = {"provider": "up", "upstream": "gpt-test-2024-08-06", **body}
    version = ModelVersion(
        model="support", number=1, digest="sha256:1", definition={"hosted": hosted}
    )
    with upstream:
        config = Config(base_url=upstream.url, private=True, responses=responses)
        maker = provider(config, None, None)
        opened = maker.open(version)
        with serving_house(runners={"support": opened}) as house:
            with OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as made:
                yield house, made
            house.wait(opened.close())
            house.wait(maker.close())
