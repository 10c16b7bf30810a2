"""Numbers for a scraper: counted in memory, with labels that cannot grow for ever."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.inference.call import Call, Outcome, TensorRequest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_ENDPOINTS = 1_000
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
            1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # fmt: skip
"""Upper bounds of the latency buckets, in seconds."""

Gauges = Mapping[str, tuple[str, float]]
"""Values read at the moment of a scrape: what each means, and what it is."""


@dataclass(slots=True)
class _Latency:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0


class Metrics:
    """Counts calls by endpoint, kind and status. Used from the event loop only.

    An endpoint is a label only once a call has reached it, so strangers cannot
    make labels; beyond `MAX_ENDPOINTS` of them the rest is `other`.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self._calls: dict[tuple[str, str, str], int] = {}
        self._latencies: dict[str, _Latency] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._tenants: dict[str, str] = {}

    def count(self, call: Call, outcome: Outcome, seconds: float) -> None:
        """Take in the end of one call."""
        endpoint = self._label(call)
        kind = "predict" if isinstance(call.request, TensorRequest) else "llm"
        key = endpoint, kind, outcome.status
        self._calls[key] = self._calls.get(key, 0) + 1
        latency = self._latencies.setdefault(endpoint, _Latency())
        latency.counts[bisect_left(BOUNDS_S, seconds)] += 1
        latency.total_s += seconds
        for way, count in (
            ("in", outcome.counted.input_tokens),
            ("out", outcome.counted.output_tokens),
        ):
            if count:
                self._tokens[endpoint, way] = (
                    self._tokens.get((endpoint, way), 0) + count
                )

    def text(self, gauges: Gauges, tenant: str = DEFAULT_TENANT) -> str:
        """Return all in the Prometheus text format; of endpoints, those of *tenant*."""
        return "\n".join([*self._lines(tenant), *_gauge_lines(gauges)]) + "\n"

    def _label(self, call: Call) -> str:
        if call.deployment is None:
            return ""
        known = self._latencies
        if call.endpoint in known or len(known) < MAX_ENDPOINTS:
            tenant = call.deployment.attributes.get("tenant", DEFAULT_TENANT)
            self._tenants[call.endpoint] = tenant
            return call.endpoint
        return "other"

    def _lines(self, tenant: str) -> Iterator[str]:
        def shown(endpoint: str) -> bool:
            return self._tenants.get(endpoint, tenant) == tenant

        yield from _head("roadbed_calls_total", "counter", "Calls that have ended.")
        for (endpoint, kind, status), count in sorted(self._calls.items()):
            if not shown(endpoint):
                continue
            labels = _labels(endpoint=endpoint, kind=kind, status=status)
            yield f"roadbed_calls_total{labels} {count}"
        yield from _head("roadbed_tokens_total", "counter", "Tokens, as counted.")
        for (endpoint, way), count in sorted(self._tokens.items()):
            if not shown(endpoint):
                continue
            labels = _labels(endpoint=endpoint, direction=way)
            yield f"roadbed_tokens_total{labels} {count}"
        yield from _head("roadbed_calls_under_way", "gauge", "Calls not ended yet.")
        yield f"roadbed_calls_under_way {self.under_way}"
        name = "roadbed_call_seconds"
        yield from _head(name, "histogram", "From the first byte to the record.")
        for endpoint, latency in sorted(self._latencies.items()):
            if shown(endpoint):
                yield from _histogram(name, endpoint, latency)


class Measure:
    """A step: counts every call and how long it took. It stands first."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def admit(self, call: Call) -> None:
        """Count one more call under way."""
        self._metrics.under_way += 1

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Count how it ended."""
        self._metrics.under_way -= 1
        seconds = (time.monotonic_ns() - call.started_ns) / 1e9
        self._metrics.count(call, outcome, seconds)


def _histogram(name: str, endpoint: str, latency: _Latency) -> Iterator[str]:
    seen = 0
    for bound, count in zip((*BOUNDS_S, None), latency.counts, strict=True):
        seen += count
        edge = "+Inf" if bound is None else f"{bound:g}"
        yield f"{name}_bucket{_labels(endpoint=endpoint, le=edge)} {seen}"
    yield f"{name}_sum{_labels(endpoint=endpoint)} {latency.total_s:.6f}"
    yield f"{name}_count{_labels(endpoint=endpoint)} {seen}"


def _gauge_lines(gauges: Gauges) -> Iterable[str]:
    for name, (meaning, value) in sorted(gauges.items()):
        yield from _head(name, "gauge", meaning)
        yield f"{name} {value:.17g}"


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{k}="{_escape(v)}"' for k, v in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
