"""The oip provider, against a server that the real Triton client accepts as well."""

import socket

import numpy as np
import pytest
import tritonclient.http as triton

from roadbed.adapters.providers.oip import Config, provider, unfit, unpinned
from roadbed.core.errors import Invalid, ProviderError, Refused, Unavailable
from roadbed.core.secret import Secret
from roadbed.dialects.oip.parse_answer import read
from roadbed.inference.call import TensorRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.tensor import from_values
from roadbed.testing.provider_contract import (
    Opened,
    ProviderContract,
    answer,
    chat_request,
    finish_with,
    make_call,
)
from tests.adapters.providers.oip.server import Server
from tests.server.house import KEY, serving_house


class Keys:
    def held(self, reference):
        return Secret("k-canary-9")

    def resolve(self, reference):
        return Secret("k-canary-9")

    def renew(self, reference, refused):
        return None


def opened(url, upstream="double@3", parameters=None, **config):
    body = {"provider": "o", "upstream": upstream, "parameters": parameters or {}}
    version = ModelVersion(model="m", number=1, digest="", definition={"hosted": body})
    made = provider(Config(base_url=url, private=True, **config), None, Keys())
    return Opened(made, made.open(version))


def numbers(*values, **fields):
    tensor = from_values("x", "FP32", [len(values)], list(values))
    return TensorRequest(inputs=(tensor,), **fields)


def ask(server, request, **how):
    it = opened(server.url, **how)
    return finish_with(it, answer(it.runner, request))[-1]


class OipContract(ProviderContract):
    reports_usage = False
    binary = True

    def request(self, text, *, stream=False):
        tensor = from_values("t", "BYTES", [2], [text, ""])
        return TensorRequest(inputs=(tensor,))

    def behind(self, how):
        with Server(how) as server:
            yield opened(server.url, binary=self.binary)

    @pytest.fixture
    def working(self):
        yield from self.behind("well")

    @pytest.fixture
    def broken(self):
        yield from self.behind("broken")

    @pytest.fixture
    def silent(self):
        yield from self.behind("silent")

    @pytest.fixture
    def cut(self):
        yield from self.behind("cut")


class TestOipAsBytes(OipContract):
    """Tensors behind the JSON."""


class TestOipAsJson(OipContract):
    """Tensors in the JSON."""

    binary = False


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("answers", [None, False])
def test_numbers_come_back_whatever_the_server_can(asked, answers):
    with Server(binary=answers) as server:
        chunk = ask(server, numbers(1.5, -2.0), binary=asked)
        path, headers, _ = server.seen[0]

    assert chunk.tensors[0].values() == [3.0, -4.0]
    assert (chunk.served, chunk.finish) == ("double@3", "stop")
    assert path == "/v2/models/double/versions/3/infer"
    assert ("Inference-Header-Content-Length" in headers) == asked


@pytest.mark.parametrize(
    ("upstream", "path"),
    [
        ("double@1", "/v2/models/double/versions/1/infer"),
        ("double/versions/1", "/v2/models/double/versions/1/infer"),
        ("double", "/v2/models/double/infer"),
    ],
)
def test_the_version_stands_in_the_address(upstream, path):
    with Server() as server:
        ask(server, numbers(1), upstream=upstream)

        assert server.seen[0][0] == path


def test_outputs_id_key_and_parameters_go_along_and_pins_win():
    request = numbers(
        1, outputs=("x",), request_id="r-1", parameters={"a": 1, "priority": 9}
    )
    with Server() as server:
        ask(
            server,
            request,
            parameters={"priority": 2},
            binary=False,
            api_key="secret://env/K",
        )
        _, headers, body = server.seen[0]

    assert headers["Authorization"] == "Bearer k-canary-9"
    assert b'"id":"r-1"' in body
    assert b'"outputs":[{"name":"x"}]' in body
    assert b'"parameters":{"a":1,"priority":2}' in body


@pytest.mark.parametrize(
    ("how", "upstream", "error", "words"),
    [
        ("well", "other@1", Refused, "unknown model"),
        ("well", "double@2", Refused, "not at ready state"),
        ("broken", "double@3", Unavailable, "500"),
        ("html", "double@3", ProviderError, "web page"),
        ("garbled", "double@3", ProviderError, "FP99"),
    ],
)
def test_what_goes_wrong_upstream_is_told_apart(how, upstream, error, words):
    with Server(how) as server, pytest.raises(error, match=words):
        ask(server, numbers(1), upstream=upstream)


def test_bytes_that_belong_to_nothing_are_no_answer():
    with Server(extra=b"more") as server, pytest.raises(ProviderError, match="belong"):
        ask(server, numbers(1))


def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        it = opened(f"http://127.0.0.1:{probe.getsockname()[1]}")
        with pytest.raises(Unavailable):
            finish_with(it, answer(it.runner, numbers(1)))


def test_it_holds_no_conversation():
    with Server() as server, pytest.raises(Invalid, match="tensors"):
        ask(server, chat_request("hello"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outputs": []}',
        b'{"outputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}',
        b'{"outputs": [{"name": "x", "datatype": "FP32", "shape": [-1], "data": []}]}',
        b'{"outputs": [{"name": "x", "datatype": "FP32", "shape": [1], '
        b'"parameters": {"binary_data_size": 4}}]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_is_a_provider_error(body):
    with pytest.raises(ProviderError):
        read(body)


@pytest.mark.parametrize("length", ["0", "99999", "x", "-1", "²"])
def test_a_length_that_cannot_be_is_a_provider_error(length):
    with pytest.raises(ProviderError):
        read(b'{"outputs": []}', length)


@pytest.mark.parametrize(
    ("upstream", "pinned"),
    [
        ("fraud@3", True),
        ("fraud/versions/3", True),
        ("team/fraud@12", True),
        ("fraud", False),
        ("fraud@latest", False),
        ("fraud/versions/", False),
        ("../admin@1", False),
        ("a?b=c@1", False),
    ],
)
def test_a_pin_names_a_version_by_its_number(upstream, pinned):
    assert (unpinned(Config(base_url="https://x"), upstream) is None) == pinned


@pytest.mark.parametrize(
    "hosted",
    [
        {"upstream": ""},
        {"upstream": "../x"},
        {"upstream": "a b"},
        {"upstream": "x@1", "prompt": "be nice"},
        {"upstream": "x@1", "context": {"documents": {}}},
    ],
)
def test_a_definition_that_cannot_be_served_is_refused_with_a_reason(hosted):
    assert unfit(Config(base_url="https://x"), {"hosted": hosted})
    assert unfit(Config(base_url="https://x"), {"trained": {}})
    with pytest.raises(Invalid):
        opened("http://127.0.0.1:1", upstream="../x")


@pytest.mark.parametrize("through", [False, True], ids=["direct", "through us"])
def test_the_triton_client_gets_the_same_with_us_between(through):
    values = np.array([[1.5, -2.25]], dtype=np.float32)
    given = triton.InferInput("x", [1, 2], "FP32")
    given.set_data_from_numpy(values)
    text = triton.InferInput("t", [1], "BYTES")
    text.set_data_from_numpy(np.array([b"caf\xc3\xa9\xff"], dtype=np.object_))
    with Server() as server:
        runner = opened(server.url).runner
        name, version, url = "double", "3", server.url
        with serving_house(runners={"front": runner}) as house:
            if through:
                name, url = "front", house.url
            client = triton.InferenceServerClient(url.removeprefix("http://"))
            told = client.infer(
                name,
                [given, text],
                model_version=version,
                headers={"Authorization": f"Bearer {KEY}"},
            )
            client.close()
            house.wait(runner._pool.close())

    assert np.array_equal(told.as_numpy("x"), values * 2)
    assert told.as_numpy("t").tolist() == [b"caf\xc3\xa9\xff" * 2]


def test_the_trace_goes_along():
    async def go(it):
        call = make_call(it.runner, numbers(1))
        call.trace_id, call.span_id = "a" * 32, "b" * 16
        return [chunk async for chunk in it.runner.send(call)]

    with Server() as server:
        it = opened(server.url)
        finish_with(it, go(it))

        assert server.seen[0][1]["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-01"
