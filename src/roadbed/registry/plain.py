"""What people pass as parameters and metrics, as JSON that keeps its meaning."""

import math
import re
from collections.abc import Mapping
from typing import Any

from roadbed.core.errors import Invalid

_EXACT = 2**53 - 1
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MAX_TEXT = 2_000


def plain(value: Any) -> Any:
    """Return *value* as plain JSON.

    NumPy values become Python's own. Numbers that JSON cannot hold exactly become
    text (`NaN`, `Infinity`, whole numbers beyond 53 bits). Any other object becomes
    its `repr`, without memory addresses, so that equal runs have equal records.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return plain(value.tolist())
    return _text(_ADDRESS.sub("", repr(value)))


def metric(name: str, value: Any) -> float:
    """Return the metric *name* as a float; raise Invalid if it is no number."""
    number = plain(value)
    if isinstance(number, bool | str) and not isinstance(value, int | float):
        number = None
    try:
        return float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise Invalid(
            f"metric {name!r} is {value!r}, which is no number",
            hint="log numbers; texts and settings belong to the params of the run",
        ) from None


def _number(value: float) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(value)
    if math.isfinite(value):
        # Canonical JSON writes 1e17 as an integer, which nobody could read back.
        written_whole = value.is_integer() and abs(value) > _EXACT
        return repr(float(value)) if written_whole else float(value)
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _text(value: str) -> str:
    sound = value.encode("utf-8", "replace").decode()
    return sound if len(sound) <= _MAX_TEXT else sound[:_MAX_TEXT] + "…"
