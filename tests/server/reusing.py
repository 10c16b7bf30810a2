"""Houses whose endpoints have terms, and clients that leave when they like."""

import socket
import time
from contextlib import contextmanager
from dataclasses import replace

from openai import OpenAI

from roadbed.adapters.providers.openai import Config, provider
from roadbed.inference.snapshot import Choice, ModelVersion, Upstream
from roadbed.inference.terms import Terms
from roadbed.testing.upstream import Upstream as Server
from tests.server.house import KEY, serving, serving_house

HELLO = [{"role": "user", "content": "hello there"}]
PINNED = ModelVersion(
    model="support",
    number=1,
    digest="sha256:1",
    definition={"hosted": {"provider": "up", "upstream": "gpt-test-2024-08-06"}},
)


@contextmanager
def house_of(
    runners, terms, *, smaller=None, on_disconnect="cancel", prices=None, **how
):
    """Run a house that serves *runners*; `terms` maps their names to terms."""
    with serving_house(runners=runners, **how) as house:
        picture = serving(runners, keys=house.keys)
        deployed = {
            name: on_terms(found, terms.get(name, {}), smaller or {}, on_disconnect)
            for name, found in picture.snapshot.deployments.items()
        }
        deployed = {name: priced(found, prices) for name, found in deployed.items()}
        snapshot = replace(picture.snapshot, deployments=deployed)
        house.on_loop(house.switch.swap, replace(picture, snapshot=snapshot))
        yield house


def on_terms(deployment, terms, smaller, on_disconnect):
    """Return *deployment* on these terms, `smaller` runners by their pins."""
    place = Upstream(
        runner=deployment.runner, provider="tiny", on_disconnect=on_disconnect
    )
    choice = Choice(version=deployment.version, upstreams=(place,))
    others = {}
    for pin, runner in smaller.items():
        name, _, number = pin.partition("@")
        version = replace(deployment.version, model=name, number=int(number))
        where = Upstream(runner=runner, provider="small")
        others[pin] = Choice(version=version, upstreams=(where,))
    return replace(deployment, terms=Terms(**terms), choices=(choice,), smaller=others)


def priced(deployment, prices):
    """Return *deployment*, its first choice asked at these *prices*."""
    first, *others = deployment.choices
    places = tuple(replace(place, prices=prices) for place in first.upstreams)
    return replace(deployment, choices=(replace(first, upstreams=places), *others))


@contextmanager
def behind(*behaviours, terms=None, **how):
    """A house whose endpoint `support` is a real upstream that behaves so."""
    with Server(*behaviours) as upstream:
        maker = provider(Config(base_url=upstream.url, private=True), None, None)
        runners = {"support": maker.open(PINNED)}
        with house_of(runners, {"support": terms or {}}, **how) as house:
            house.upstream = upstream
            with client_of(house) as client:
                yield house, client
            house.wait(maker.close())


def client_of(house, key=KEY):
    """Return OpenAI's own client of *house*."""
    return OpenAI(base_url=f"{house.url}/v1", api_key=key, max_retries=0)


def ask(client, model="support", messages=HELLO, **fields):
    """Ask, and return the raw response of the SDK."""
    return client.chat.completions.with_raw_response.create(
        model=model, messages=messages, **fields
    )


def request_bytes(body, key=KEY, headers=""):
    """Return an HTTP request that asks for a chat."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"{headers}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_some(house, request, count):
    """Send *request*, read *count* bytes of the answer, and leave; return them."""
    with socket.create_connection(("127.0.0.1", house.port), 10) as client:
        client.sendall(request)
        got = b""
        while len(got) < count and (part := client.recv(count - len(got))):
            got += part
    return got


def leave_after(house, request, words):
    """Send *request*, read until *words* have come, and leave."""
    with socket.create_connection(("127.0.0.1", house.port), 10) as client:
        client.sendall(request)
        got = b""
        while words not in got:
            got += client.recv(65536)


def wait_for(house, count):
    """Return the records, once there are *count* of them."""
    end = time.monotonic() + 20
    while len(house.kept) < count and time.monotonic() < end:
        time.sleep(0.01)
    return list(house.kept)
