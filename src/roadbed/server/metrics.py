"""Numbers for a scraper: counted in memory, with labels that cannot grow for ever."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import ProviderError
from roadbed.inference.call import Call, Outcome, TensorRequest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_ENDPOINTS = 1_000
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
            1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # fmt: skip
"""Upper bounds of the latency buckets, in seconds."""

Gauges = Mapping[str, tuple[str, float]]
"""Values read at the moment of a scrape: what each means, and what it is."""


_COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "roadbed_calls_total": ("Calls that have ended.", ("kind", "status")),
    "roadbed_tokens_total": ("Tokens, as counted.", ("direction",)),
    "roadbed_cost_usd_total": ("What calls cost, in US dollars.", ()),
    "roadbed_attempts_total": ("Tries at upstreams.", ()),
    "roadbed_retries_total": ("Tries of the same version again.", ()),
    "roadbed_fallbacks_total": ("Tries of the next version.", ()),
    "roadbed_hedges_total": ("Tries beside one that was slow.", ()),
    "roadbed_cache_answers_total": ("Answers that were kept.", ("result",)),
    "roadbed_degraded_total": ("Answers that stood in for one.", ()),
}
"""What is counted for each endpoint: what it means, and its further labels."""
_HISTOGRAMS: Mapping[str, str] = {
    "roadbed_call_seconds": "From the first byte to the record.",
    "roadbed_first_token_seconds": "From the first byte to the answer's first piece.",
}


@dataclass(slots=True)
class _Latency:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds


class Metrics:
    """Counts calls by endpoint, kind and status. Used from the event loop only.

    An endpoint is a label only once a call has reached it, so strangers cannot
    make labels; beyond `MAX_ENDPOINTS` of them the rest is `other`. The other labels
    are words of ours, and the names of providers that calls went to.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self._counts: dict[str, dict[tuple[str, ...], float]] = {
            name: {} for name in _COUNTERS
        }
        self._latencies: dict[str, dict[str, _Latency]] = {n: {} for n in _HISTOGRAMS}
        self._errors: dict[tuple[str, str, str], int] = {}
        self._tenants: dict[str, str] = {}

    def count(self, call: Call, outcome: Outcome, seconds: float) -> None:
        """Take in the end of one call."""
        endpoint = self._label(call)
        kind = "predict" if isinstance(call.request, TensorRequest) else "llm"
        self._add("roadbed_calls_total", 1, endpoint, kind, outcome.status)
        self._time("roadbed_call_seconds", endpoint, seconds)
        if outcome.first_ns:
            first_s = max(outcome.first_ns - call.started_ns, 0) / 1e9
            self._time("roadbed_first_token_seconds", endpoint, first_s)
        if outcome.usage is not None:
            used, tokens = outcome.usage, "roadbed_tokens_total"
            self._add(tokens, used.input_tokens, endpoint, "in")
            self._add(tokens, used.output_tokens, endpoint, "out")
        if outcome.cost_nano:
            self._add("roadbed_cost_usd_total", outcome.cost_nano / 1e9, endpoint)
        if outcome.degraded:
            self._add("roadbed_degraded_total", 1, endpoint)
        if outcome.cache:
            self._add("roadbed_cache_answers_total", 1, endpoint, outcome.cache)
        if call.attempts:
            self._count_attempts(call, endpoint)
        if outcome.status != "ok" or len(call.attempts) > 1:
            self._count_errors(call, outcome)

    def text(self, gauges: Gauges, tenant: str = DEFAULT_TENANT) -> str:
        """Return all in the Prometheus text format; of endpoints, those of *tenant*."""
        return "\n".join([*self._lines(tenant), *_gauge_lines(gauges)]) + "\n"

    def _add(self, name: str, count: float, *labels: str) -> None:
        if count:
            counts = self._counts[name]
            counts[labels] = counts.get(labels, 0) + count

    def _time(self, name: str, endpoint: str, seconds: float) -> None:
        known = self._latencies[name]
        if endpoint not in known:
            known[endpoint] = _Latency()
        known[endpoint].add(seconds)

    def _count_attempts(self, call: Call, endpoint: str) -> None:
        tries = call.attempts
        self._add("roadbed_attempts_total", len(tries), endpoint)
        if len(tries) < 2:
            return
        for before, each in pairwise(tries):
            name = "roadbed_retries_total"
            if each.hedge:
                name = "roadbed_hedges_total"
            elif each.model != before.model:
                name = "roadbed_fallbacks_total"
            self._add(name, 1, endpoint)

    def _count_errors(self, call: Call, outcome: Outcome) -> None:
        """Count what went wrong upstream, by provider and by our word for it."""
        if call.deployment is None:
            return
        failed = [(t.provider, t.status) for t in call.attempts if t.status != "ok"]
        if not call.attempts and isinstance(outcome.error, ProviderError):
            failed = [(call.deployment.provider, outcome.error.code)]
        tenant = call.deployment.attributes.get("tenant", DEFAULT_TENANT)
        for provider, code in failed:
            key = tenant, provider, code
            if key in self._errors or len(self._errors) < MAX_ENDPOINTS:
                self._errors[key] = self._errors.get(key, 0) + 1

    def _label(self, call: Call) -> str:
        if call.deployment is None:
            return ""
        known, name = self._latencies["roadbed_call_seconds"], call.endpoint
        if name in known or len(known) < MAX_ENDPOINTS:
            tenant = call.deployment.attributes.get("tenant", DEFAULT_TENANT)
            self._tenants[name] = tenant
            return name
        return "other"

    def _lines(self, tenant: str) -> Iterator[str]:
        def shown(endpoint: str) -> bool:
            return self._tenants.get(endpoint, tenant) == tenant

        for name, (meaning, further) in _COUNTERS.items():
            yield from _head(name, "counter", meaning)
            for labels, count in sorted(self._counts[name].items()):
                if shown(labels[0]):
                    pairs = zip(("endpoint", *further), labels, strict=True)
                    yield f"{name}{_labels(**dict(pairs))} {count:.17g}"
        yield from self._error_lines(tenant)
        yield from _head("roadbed_calls_under_way", "gauge", "Calls not ended yet.")
        yield f"roadbed_calls_under_way {self.under_way}"
        for name, meaning in _HISTOGRAMS.items():
            yield from _head(name, "histogram", meaning)
            for endpoint, latency in sorted(self._latencies[name].items()):
                if shown(endpoint):
                    yield from _histogram(name, endpoint, latency)

    def _error_lines(self, tenant: str) -> Iterator[str]:
        name = "roadbed_upstream_errors_total"
        yield from _head(name, "counter", "Tries at upstreams that came to nothing.")
        for (own, provider, code), count in sorted(self._errors.items()):
            if own == tenant:
                yield f"{name}{_labels(provider=provider, code=code)} {count}"


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
