"""Traces over OTLP, to a collector on this machine that decodes what comes."""

import http.server
import socket
import threading

import pytest

from roadbed.adapters.traces.otlp import OtlpTraces
from roadbed.core.errors import Invalid, NotFound, Refused, TimedOut, Unavailable
from roadbed.core.secret import Secret
from roadbed.testing.traces_contract import TracesContract, a_span
from tests.adapters.traces.collector import Collector, attributes
from tests.ports import free_port


class Vault:
    """Knows one secret."""

    def __init__(self, value):
        self.value = value

    def resolve(self, reference):
        if self.value is None:
            raise NotFound(f"nothing at {reference}", hint="put it there")
        return Secret(self.value)


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


class TestOtlp(TracesContract):
    @pytest.fixture
    def traces(self, collector):
        traces = OtlpTraces(collector.url, {"service.version": "1"})
        yield traces
        traces.close()

    @pytest.fixture
    def received(self, collector):
        return collector.plain

    @pytest.fixture
    def noted(self, collector):
        return collector.noted

    @pytest.fixture
    def away(self):
        return OtlpTraces(f"http://127.0.0.1:{free_port()}", {})

    @pytest.fixture
    def refusing(self):
        with Collector(statuses=[400]) as collector:
            traces = OtlpTraces(collector.url, {})
            yield traces
            traces.close()


def test_it_says_who_we_are_and_shows_the_headers_it_was_given(collector):
    vault = Vault("x-team=blue, authorization=Bearer%20k-123")
    traces = OtlpTraces(
        f"{collector.url}/otlp/", {"a": "b"}, "secret://file/otlp", vault
    )
    traces.export([a_span()])
    traces.close()
    path, headers, message = collector.requests[0]
    given = attributes(message.resource_spans[0].resource.attributes)

    assert path == "/otlp/v1/traces"
    assert headers["authorization"] == "Bearer k-123"
    assert (headers["x-team"], headers["Content-Type"]) == (
        "blue",
        "application/x-protobuf",
    )
    assert given == {"service.name": "roadbed", "a": "b"}


@pytest.mark.parametrize("secret", ["no pair", "a=b\r\nx: y", "ä=b", "a=%0d%0aX"])
def test_headers_that_cannot_be_read_are_not_shown(collector, secret):
    traces = OtlpTraces(collector.url, {}, "secret://file/otlp", Vault(secret))

    with pytest.raises(Invalid) as raised:
        traces.export([a_span()])

    assert secret not in str(raised.value) + raised.value.hint


def test_headers_that_are_not_there_yet_are_waited_for(collector):
    traces = OtlpTraces(collector.url, {}, "secret://file/otlp", Vault(None))

    with pytest.raises(Unavailable, match="secret://file/otlp"):
        traces.export([a_span()])


@pytest.mark.parametrize(
    ("status", "error"), [(429, Unavailable), (503, Unavailable), (401, Refused)]
)
def test_what_may_be_tried_again_is_told_from_what_may_not(status, error):
    with Collector(statuses=[status]) as collector:
        traces = OtlpTraces(collector.url, {})
        with pytest.raises(error):
            traces.export([a_span()])
        traces.close()


def test_what_the_collector_would_not_have_is_counted():
    with Collector(rejected=1) as collector:
        traces = OtlpTraces(collector.url, {})
        refused = traces.export([a_span(1), a_span(2)])
        traces.close()

    assert refused == 1


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(collector):
    traces = OtlpTraces(collector.url, {})
    traces.export([a_span(1)])
    traces._connection.sock.shutdown(socket.SHUT_RDWR)
    traces.export([a_span(2)])
    traces.close()

    assert [s["span_id"] for s in collector.plain()] == [f"{n:016x}" for n in (1, 2)]


def test_a_collector_that_never_answers_costs_a_bounded_wait():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        traces = OtlpTraces(f"http://127.0.0.1:{port}", {}, seconds=0.2)
        with pytest.raises(TimedOut):
            traces.export([a_span()])


def test_what_is_no_collector_is_not_believed():
    class Web(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *words):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        traces = OtlpTraces(f"http://127.0.0.1:{server.server_port}", {})
        with pytest.raises(Refused, match="does not speak OTLP"):
            traces.export([a_span()])
        thread.join()
