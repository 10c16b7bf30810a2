"""A real collector of OpenTelemetry traces and logs, as small as one can be."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

from roadbed.ports.traces import Event


class Collector:
    """Takes OTLP over HTTP on this machine. `requests` are path, headers, message."""

    def __init__(self, statuses=(), rejected=0):
        self.requests, self.statuses, self.rejected = [], list(statuses), rejected
        self.logs = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = collector.statuses.pop(0) if collector.statuses else 200
                if self.path.endswith("/v1/logs"):
                    kind, answer = logs.ExportLogsServiceRequest, collector.no_logs()
                    seen_by = collector.logs
                else:
                    kind, answer = (
                        service.ExportTraceServiceRequest,
                        collector.no_spans(),
                    )
                    seen_by = collector.requests
                if status == 200:
                    message = kind.FromString(body)
                    seen_by.append((self.path, dict(self.headers.items()), message))
                data = answer.SerializeToString()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def no_spans(self):
        answer = service.ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejected
        return answer

    def no_logs(self):
        answer = logs.ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = self.rejected
        return answer

    def noted(self):
        """All log records that came, as plain values with the names of our fields."""
        return [
            {
                "trace_id": record.trace_id.hex(),
                "span_id": record.span_id.hex(),
                "name": record.event_name,
                "at_us": record.time_unix_nano // 1000,
                "attributes": attributes(record.attributes),
            }
            for _, _, message in self.logs
            for group in message.resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]

    @property
    def spans(self):
        """All spans that came, as OTLP has them."""
        return [
            span
            for _, _, message in self.requests
            for group in message.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def plain(self):
        """All spans that came, as plain values with the names of our fields."""
        return [_plain(span) for span in self.spans]


def attributes(pairs):
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)


def _plain(span):
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex(),
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": {2: "server", 3: "client"}[span.kind],
        "start_us": span.start_time_unix_nano // 1000,
        "end_us": span.end_time_unix_nano // 1000,
        "attributes": attributes(span.attributes),
        "events": tuple(
            Event(
                name=event.name,
                at_us=event.time_unix_nano // 1000,
                attributes=attributes(event.attributes),
            )
            for event in span.events
        ),
        "error": span.status.message if span.status.code == 2 else "",
    }
