"""States, shares and guardrails in words."""

import math

from roadbed.console.words import MINUS, NOTHING, amount, count
from roadbed.rollouts.shown import Tile

PHASES = {
    "draft": "waits for approval",
    "approved": "loading",
    "shadow": "mirrored",
    "canary": "under way",
    "soaking": "soaking",
    "promoted": "promoted",
    "paused": "paused",
    "inconclusive": "inconclusive",
    "rolling_back": "rolling back",
    "rolled_back": "rolled back",
    "aborted": "aborted",
    "superseded": "superseded",
}
SHAPES = {
    "draft": "denied",
    "approved": "follow",
    "shadow": "follow",
    "canary": "follow",
    "soaking": "follow",
    "promoted": "ok",
    "paused": "warning",
    "inconclusive": "truncated",
    "rolling_back": "error",
    "rolled_back": "error",
}
"""The shape that a phase has beside its word; any other has that of what is retired."""
VERDICTS = {
    "worse": ("error", "worse"),
    "fine": ("ok", "no worse"),
    "unknown": ("truncated", "not known yet"),
    "no data": ("note", "no data"),
    "as meant": ("ok", "as meant"),
    "mismatch": ("error", "mismatch"),
}
"""The shape of a verdict, and its word."""
EITHER = frozenset({"prediction"})
"""What must change neither way: how far it is off is in standard deviations."""
_MILLION = 1_000_000


def phase_words(phase: str) -> str:
    """Return *phase* in words."""
    return PHASES.get(phase, phase)


def phase_shape(phase: str) -> str:
    """Return the shape that stands beside the word of *phase*."""
    return SHAPES.get(phase, "retired")


def verdict_shape(verdict: str) -> tuple[str, str]:
    """Return the shape of *verdict*, and its word."""
    return VERDICTS.get(verdict, ("note", verdict))


def weight_words(weight: int) -> str:
    """Return a share of 10,000 units as per cent: `5 %`, `0.25 %`."""
    return f"{weight / 100:g} %"


def short_of(version: str, beside: str) -> str:
    """Return *version* as it is called beside another: `@8` where one will do."""
    model, at, number = version.partition("@")
    return at + number if at and beside.partition("@")[0] == model else version


def seconds(passed: float) -> str:
    """Return a time in seconds as people plan it: `45 s`, `10 min`, `36 h`, `7 d`."""
    for unit, size in (("d", 172_800), ("h", 7_200), ("min", 120)):
        if passed >= size:
            return f"{passed / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.3g} {unit}"
    return f"{passed:.0f} s"


def level(tile: Tile, value: float | None) -> str:
    """Return what a guardrail measured on one side: a share, or a mean."""
    if value is None:
        return NOTHING
    return (MINUS if value < 0 else "") + _sized(tile, value)


def apart(tile: Tile, value: float | None) -> str:
    """Return a difference with its sign: of shares in percentage points.

    How far a prediction is off is told in standard deviations.
    """
    if value is None:
        return NOTHING
    if tile.kind == "binary":
        text = f"{abs(value) * 100:,.2f}"
    else:
        text = f"{abs(value):,.2f}" if tile.name in EITHER else _sized(tile, value)
    sign = "" if not text.strip("$0.,") else "+" if value > 0 else MINUS
    return f"{sign}{text}"


def _sized(tile: Tile, value: float) -> str:
    """Return the size of a measure, with the decimals that its margin needs."""
    if tile.kind == "binary":
        return f"{abs(value) * 100:,.2f} %"
    scale = 1e-9 if tile.name == "cost" else 1.0
    digits = 2 - math.floor(math.log10(tile.margin * scale))
    text = f"{abs(value) * scale:,.{min(9, max(0, digits))}f}"
    return f"${text}" if tile.name == "cost" else text


def margin_of(tile: Tile) -> float:
    """Return the difference that matters, below 0 where higher is better."""
    return -tile.margin if tile.better == "higher" else tile.margin


def unit_of(tile: Tile) -> str:
    """Return the unit of a difference, empty where the number has it or has none."""
    if tile.kind == "binary":
        return "points"
    return "standard deviations" if tile.name in EITHER else ""


def worth(value: float) -> str:
    """Return what a bet is worth: `0.42`, `37`, `12,400`, `> 1,000,000`."""
    if value > _MILLION:
        return f"> {count(_MILLION)}"
    if value < 0.01:
        return "< 0.01"
    return amount(float(f"{value:.3g}"))
