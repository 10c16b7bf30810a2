"""Any collector of OpenTelemetry traces, over OTLP/HTTP with protobuf.

What becomes known of a span after its end is a log record, for spans are sent once.

It is wherever the operator says, also inside a private network. The headers that it
wants, such as a key, are a secret: `name=value` with commas between.
"""

import http.client
import ssl
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from roadbed import __version__
from roadbed.core.errors import Invalid, NotFound, Refused, TimedOut, Unavailable
from roadbed.ports.secrets import Secrets
from roadbed.ports.traces import Event, Noted, Span, Value

if TYPE_CHECKING:
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

PATH, LOGS = "/v1/traces", "/v1/logs"
INFO = 9
SECONDS = 10.0
_AGAIN = (408, 429, 502, 503, 504)
_ANSWER_BYTES = 64 * 1024


class OtlpTraces:
    """Posts spans to one collector, over a connection that it keeps."""

    def __init__(
        self,
        endpoint: str,
        resource: Mapping[str, str],
        headers: str = "",
        secrets: Secrets | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._address = urlsplit(endpoint)
        self._base = _base(self._address.path)
        self._resource = {"service.name": "roadbed", **resource}
        self._reference = headers
        self._secrets = secrets
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None
        _messages()  # A missing package is told of at once.

    def export(self, spans: Sequence[Span]) -> int:
        """Hand on *spans*; return how many of them the collector would not have."""
        answer = _messages().ExportTraceServiceResponse
        told = self._told(PATH, self._request(spans), answer)
        return told.partial_success.rejected_spans

    def note(self, events: Sequence[Noted]) -> int:
        """Hand on *events*; return how many of them the collector would not have."""
        answer = _log_messages().ExportLogsServiceResponse
        told = self._told(LOGS, self._logs(events), answer)
        return told.partial_success.rejected_log_records

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _told(self, path: str, request: Any, answer: Any) -> Any:
        """Return what the collector answers; raise what `export` does."""
        body = request.SerializeToString()
        status, data = self._post(self._base + path, body, self._headers())
        if status in _AGAIN:
            raise Unavailable(f"the collector of traces answered {status}")
        if status != 200:
            raise Refused(
                f"the collector of traces answered {status}",
                hint=f"OTLP over HTTP is taken at …{path}, with the headers it wants",
            )
        from google.protobuf.message import DecodeError

        try:
            return answer.FromString(data)
        except DecodeError:
            raise Refused(
                "what is at the address for traces does not speak OTLP",
                hint="see that ROADBED_OTLP_ENDPOINT is a collector's HTTP port",
            ) from None

    def _post(
        self, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        kept = self._connection is not None
        try:
            return self._send(path, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            self.close()
            if not kept:
                raise Unavailable("the collector of traces is not there") from None
            # A kept connection may have been closed at the other end meanwhile.
            return self._post(path, body, headers)
        except TimeoutError:
            self.close()
            raise TimedOut("the collector of traces does not answer") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Unavailable(f"the collector of traces fails: {why}") from None

    def _send(
        self, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        data = answer.read(_ANSWER_BYTES)
        if not answer.isclosed():
            self.close()
        return answer.status, data

    def _connect(self) -> http.client.HTTPConnection:
        host, port = str(self._address.hostname), self._address.port
        if self._address.scheme == "https":
            tls = ssl.create_default_context()
            return http.client.HTTPSConnection(
                host, port, timeout=self._seconds, context=tls
            )
        return http.client.HTTPConnection(host, port, timeout=self._seconds)

    def _headers(self) -> dict[str, str]:
        sent = {"Content-Type": "application/x-protobuf", "User-Agent": "roadbed"}
        if not self._reference or self._secrets is None:
            return sent
        try:
            text = self._secrets.resolve(self._reference).reveal()
        except NotFound as error:
            raise Unavailable(
                f"the headers for traces are not at {self._reference}", hint=error.hint
            ) from None
        return sent | _pairs(text)

    def _request(self, spans: Sequence[Span]) -> "service.ExportTraceServiceRequest":
        request = _messages().ExportTraceServiceRequest()
        group = request.resource_spans.add()
        _put(group.resource.attributes, self._resource)
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = "roadbed", __version__
        for span in spans:
            _write(span, scope.spans.add())
        return request

    def _logs(self, events: Sequence[Noted]) -> "logs.ExportLogsServiceRequest":
        request = _log_messages().ExportLogsServiceRequest()
        group = request.resource_logs.add()
        _put(group.resource.attributes, self._resource)
        scope = group.scope_logs.add()
        scope.scope.name, scope.scope.version = "roadbed", __version__
        for event in events:
            _write_noted(event, scope.log_records.add())
        return request


def _messages() -> Any:
    """Return the messages of OTLP; raise Invalid if their package is missing."""
    try:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    except ImportError:
        raise Invalid(
            "traces need the package opentelemetry-proto, which is not installed",
            hint="install roadbed with its extra `otel`",
        ) from None
    return trace_service_pb2


def _log_messages() -> Any:
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

    return logs_service_pb2


def _base(path: str) -> str:
    """Return the base of all signals: an endpoint is that, or where spans go."""
    return path.rstrip("/").removesuffix(PATH)


def _pairs(text: str) -> dict[str, str]:
    """Read `name=value,name=value`; values may be percent-encoded. Raises Invalid."""
    pairs = dict[str, str]()
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, value = part.partition("=")
        value = unquote(value.strip())
        sound = equals and name.strip().isascii() and value.isascii()
        if not sound or not f"{name}{value}".isprintable():
            raise Invalid(
                "the headers for traces cannot be read",
                hint="write name=value, with commas between",
            )
        pairs[name.strip()] = value
    return pairs


def _write(span: Span, to: Any) -> None:
    to.trace_id, to.span_id = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    to.parent_span_id = bytes.fromhex(span.parent_id)
    to.trace_state = span.trace_state
    to.name = span.name
    to.kind = {"server": to.SPAN_KIND_SERVER, "client": to.SPAN_KIND_CLIENT}[span.kind]
    to.start_time_unix_nano = span.start_us * 1000
    to.end_time_unix_nano = max(span.end_us, span.start_us) * 1000
    to.flags = 0x101 if not span.parent_id or span.kind == "client" else 0x301
    _put(to.attributes, span.attributes)
    for event in span.events:
        _write_event(event, to.events.add())
    if span.error:
        to.status.code = to.status.STATUS_CODE_ERROR
        to.status.message = span.error


def _write_event(event: Event, to: Any) -> None:
    to.name = event.name
    to.time_unix_nano = event.at_us * 1000
    _put(to.attributes, event.attributes)


def _write_noted(event: Noted, to: Any) -> None:
    to.time_unix_nano = to.observed_time_unix_nano = event.at_us * 1000
    to.severity_number = INFO
    to.event_name = event.name
    to.trace_id = bytes.fromhex(event.trace_id)
    to.span_id = bytes.fromhex(event.span_id)
    _put(to.attributes, event.attributes)


def _put(to: Any, attributes: Mapping[str, Value]) -> None:
    for name, value in attributes.items():
        pair = to.add()
        pair.key = name
        _set(pair.value, value)


def _set(to: Any, value: Value) -> None:
    if isinstance(value, bool):
        to.bool_value = value
    elif isinstance(value, int):
        to.int_value = value
    elif isinstance(value, float):
        to.double_value = value
    elif isinstance(value, str):
        to.string_value = value
    else:
        for item in value:
            to.array_value.values.add().string_value = item


traces = OtlpTraces
