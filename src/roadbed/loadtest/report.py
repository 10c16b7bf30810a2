"""The report of a load test: one HTML file that needs nothing else."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadbed.inference.terms import Latency
from roadbed.loadtest.judge import Sample, promises_of, quantile
from roadbed.loadtest.plots import Limit, Plot, Series, draw
from roadbed.loadtest.search import Measured, breaks_at, holds_at, outcome_of

_SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_MOST_DOTS = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was tested and what it showed."""

    endpoint: str
    model: str
    when: str
    latency: Latency | None
    stream: bool
    steps: Sequence[Measured]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON; what never came is null."""
        return {
            "endpoint": self.endpoint,
            "model": self.model,
            "when": self.when,
            "outcome": outcome_of(list(self.steps)),
            "holds_at": holds_at(list(self.steps)),
            "breaks_at": breaks_at(list(self.steps)),
            "steps": [step_json(m) for m in self.steps],
        }

    def html(self) -> str:
        """Return the report as an HTML page."""
        from jinja2 import Environment

        text = Path(__file__).with_name("report.html").read_text("utf-8")
        template = Environment(autoescape=True).from_string(text)
        shown = sorted(self.steps, key=lambda m: m.step.rate)
        said = self.to_json()
        return template.render(
            report=self,
            said=said,
            steps=[step_json(m) | {"verdict": m.verdict} for m in shown],
            first=step_json(self.steps[0]),
            plots=[(p.title, drawn) for p in self._plots(shown) if (drawn := draw(p))],
            ms=_ms,
        )

    def _plots(self, shown: Sequence[Measured]) -> list[Plot]:
        promised = promises_of(self.latency)
        whole = [_limit(p.name, p.limit_s) for p in promised if not p.first]
        first = [_limit(p.name, p.limit_s) for p in promised if p.first]
        asked = self.steps[0].samples
        plots = [
            Plot(
                title="Latency by load",
                across="calls per second",
                up="ms, whole answer",
                series=[_by_load(shown, *share) for share in _SHARES],
                limits=whole,
                log=True,
            ),
            Plot(
                title="Every call at the load that was asked for",
                across="seconds into the test",
                up="ms, whole answer",
                series=[_dots(asked)],
                limits=whole,
                log=True,
            ),
        ]
        if self.stream:
            plots.append(
                Plot(
                    title="First token by load",
                    across="calls per second",
                    up="ms, first token",
                    series=[_by_load(shown, *s, first=True) for s in _SHARES[:2]],
                    limits=first,
                    log=True,
                )
            )
        return plots


def step_json(measured: Measured) -> dict[str, Any]:
    """Return one step as plain JSON, times in milliseconds."""
    samples = measured.samples
    return {
        "calls_per_second": measured.step.rate,
        "calls": len(samples),
        "verdict": measured.verdict,
        "errors": dict(Counter(s.error for s in samples if s.error)),
        "late_p99_ms": _finite(quantile(sorted(s.late_s for s in samples), 0.99)),
        **{name: _finite(_at(samples, share)) for name, share in _SHARES},
        "first_token_p95": _finite(_at(samples, 0.95, first=True)),
        "gap_p95": _finite(quantile(sorted(s.gap_s for s in samples), 0.95)),
        "promises": [
            {
                "name": j.promise.name,
                "limit_ms": _finite(j.promise.limit_s),
                "measured_ms": _finite(j.measured_s),
                "over": j.over,
                "calls": j.calls,
                "verdict": j.verdict,
            }
            for j in measured.judged
        ],
    }


def _at(samples: Sequence[Sample], share: float, *, first: bool = False) -> float:
    return quantile(sorted(s.first_s if first else s.total_s for s in samples), share)


def _by_load(
    shown: Sequence[Measured], name: str, share: float, *, first: bool = False
) -> Series:
    points = [(m.step.rate, _at(m.samples, share, first=first) * 1e3) for m in shown]
    return Series(name=name, points=points)


def _dots(samples: Sequence[Sample]) -> Series:
    every = max(1, math.ceil(len(samples) / _MOST_DOTS))
    points = [(s.due_s, s.total_s * 1e3) for s in samples[::every]]
    return Series(name="calls", points=points, dots=True)


def _limit(name: str, limit_s: float) -> Limit:
    return Limit(name=name, at=limit_s * 1e3)


def _finite(seconds: float) -> float | None:
    return round(seconds * 1e3, 1) if math.isfinite(seconds) else None


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:,.0f} ms"
