"""Whether the answer calls the tools that are expected, with the right arguments."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from roadbed.evals.graders._calls import (
    Matcher,
    Matching,
    ToolCall,
    calls_of,
    expected_calls,
)
from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unknown,
    cut,
    expected_of,
)
from roadbed.evals.grading import Grade, Sample

VERSION = 1


class Config(Expecting):
    """Settings of the grader `tool-calls`."""

    order: Literal["exact", "in-order", "any-order", "subset"] = Field(
        default="any-order",
        description="`exact`: these calls and no others, in this order. `in-order`: "
        "in this order, others between them allowed. `any-order`: these calls and no "
        "others. `subset`: no call but these; some may be missing.",
    )
    arguments: dict[str, Matcher] = Field(
        default_factory=dict,
        max_length=500,
        description="How an argument is compared, by tool and name, such as "
        "`search.query: normalised` or `*.request_id: ignored`. Others: `exact`.",
    )
    extra_arguments: bool = Field(
        default=False,
        description="Whether arguments that are not expected are no matter.",
    )
    forbidden: list[str] = Field(
        default_factory=list,
        max_length=500,
        description="Tools that must never be called, whatever else is right.",
    )
    score: Literal["all", "share"] = Field(
        default="all",
        description="`all`: 1 or 0. `share`: the F1 of expected and actual calls.",
    )


class ToolCalls(Deciding):
    """Pairs the calls that are expected with those that were made."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._matching = Matching(config.arguments, config.extra_arguments)
        self.binary = config.score == "all"

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the calls are right, or their F1; 0 if one is forbidden."""
        got = calls_of(sample.answered.tools)
        forbidden = [c.name for c in got if c.name in self._config.forbidden]
        if forbidden:
            said = f"{forbidden[0]!r} must never be called"
            return Grade(value=0.0, label="forbidden", explanation=cut(said))
        wanted = self._wanted(sample)
        pairs = self._pairs(wanted, got)
        right = self._right(wanted, got, pairs)
        value = float(right) if self.binary else _f1(len(pairs), wanted, got)
        return _told(value, right, wanted, got, pairs)

    def _wanted(self, sample: Sample) -> list[ToolCall]:
        try:
            return expected_calls(expected_of(sample, self._config.expected))
        except Unknown:
            if self._config.forbidden and sample.case.expected is None:
                return [ToolCall(use.name, None) for use in sample.answered.tools]
            raise

    def _pairs(
        self, wanted: Sequence[ToolCall], got: Sequence[ToolCall]
    ) -> list[tuple[int, int]]:
        if self._config.order == "exact":
            both = enumerate(zip(wanted, got, strict=False))
            return [(n, n) for n, (w, g) in both if self._matching.fits(w, g)]
        if self._config.order == "in-order":
            return _in_order(wanted, got, self._matching)
        return _any_order(wanted, got, self._matching)

    def _right(
        self,
        wanted: Sequence[ToolCall],
        got: Sequence[ToolCall],
        pairs: Sequence[tuple[int, int]],
    ) -> bool:
        every_wanted, every_got = len(pairs) == len(wanted), len(pairs) == len(got)
        if self._config.order == "in-order":
            return every_wanted
        return every_got and (every_wanted or self._config.order == "subset")


def _in_order(
    wanted: Sequence[ToolCall], got: Sequence[ToolCall], matching: Matching
) -> list[tuple[int, int]]:
    """Return pairs that rise on both sides; each takes the first that fits."""
    pairs, at = list[tuple[int, int]](), 0
    for n, call in enumerate(wanted):
        found = next(
            (m for m in range(at, len(got)) if matching.fits(call, got[m])), None
        )
        if found is not None:
            pairs.append((n, found))
            at = found + 1
    return pairs


def _any_order(
    wanted: Sequence[ToolCall], got: Sequence[ToolCall], matching: Matching
) -> list[tuple[int, int]]:
    """Return as many pairs as there can be: augmenting paths, as Kuhn has them."""
    fits = [[m for m, g in enumerate(got) if matching.fits(w, g)] for w in wanted]
    taken = dict[int, int]()
    for n in range(len(wanted)):
        _augment(n, fits, taken)
    return sorted((n, m) for m, n in taken.items())


def _augment(first: int, fits: list[list[int]], taken: dict[int, int]) -> None:
    """Find a call for *first*, moving others to what fits them too."""
    waiting, came = [first], dict[int, int]()
    while waiting:
        n = waiting.pop()
        for m in fits[n]:
            if m in came:
                continue
            came[m] = n
            if m not in taken:
                _move(m, first, came, taken)
                return
            waiting.append(taken[m])


def _move(m: int, first: int, came: dict[int, int], taken: dict[int, int]) -> None:
    before = {n: m for m, n in taken.items()}
    while True:
        n = came[m]
        taken[m] = n
        if n == first:
            return
        m = before[n]


def _f1(pairs: int, wanted: Sequence[ToolCall], got: Sequence[ToolCall]) -> float:
    return 2 * pairs / (len(wanted) + len(got)) if wanted or got else 1.0


def _told(
    value: float,
    right: bool,
    wanted: Sequence[ToolCall],
    got: Sequence[ToolCall],
    pairs: Sequence[tuple[int, int]],
) -> Grade:
    hit, used = {n for n, _ in pairs}, {m for _, m in pairs}
    missing = [c.name for n, c in enumerate(wanted) if n not in hit]
    extra = [c.name for m, c in enumerate(got) if m not in used]
    said = "" if right else f"missing {missing[:5]}, not expected {extra[:5]}"
    return Grade(
        value=value,
        label="right" if right else "wrong",
        explanation=cut(said),
        detail={"missing": missing[:50], "extra": extra[:50], "calls": len(got)},
    )


def grader(config: Config) -> ToolCalls:
    """Return the grader."""
    return ToolCalls(config)
