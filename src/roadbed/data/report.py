"""What the checks of a dataset found: a report to keep, or a refusal to read."""

from collections.abc import Sequence
from typing import Any

from roadbed.core.errors import Invalid, Problem
from roadbed.ports.tables import Judged

FORMAT = "roadbed/check-report/v1"
_SHOWN = 60


def report(digest: str, rows: int, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the report on the table with this manifest *digest*, as plain JSON."""
    return {
        "format": FORMAT,
        "dataset": digest,
        "rows": rows,
        "checks": [
            {
                "check": item.rule.told,
                "what": item.rule.what,
                "columns": list(item.rule.columns),
                "failing": item.failing,
            }
            for item in judged
        ],
    }


def refuse(name: str, judged: Sequence[Judged], *, masked: bool) -> None:
    """Raise Invalid if a check failed: which, for how many rows, and examples.

    With *masked* the examples say in which rows, and not what is there.
    """
    failed = [item for item in judged if item.failing]
    if not failed:
        return
    count = f"{len(failed)} of its {len(judged)} checks"
    raise Invalid(
        f"{name} gets no new version: {count} do not hold",
        hint="mend the data, or change the checks in the stack and apply",
        problems=tuple(_problem(item, masked=masked) for item in failed),
    )


def _problem(item: Judged, *, masked: bool) -> Problem:
    rows = "1 row breaks" if item.failing == 1 else f"{item.failing} rows break"
    if item.rule.what in ("rows", "fresh"):
        rows = f"a table of {item.failing} rows breaks"
    shown = [f"row {row}: {_shown(v, masked)}" for row, v in item.examples]
    return Problem(
        message=f"{rows} the check {item.rule.told!r}",
        hint=f"for example {'; '.join(shown)}" if shown else "",
        field=", ".join(item.rule.columns),
    )


def _shown(values: Sequence[Any], masked: bool) -> str:
    if masked:
        return "****"
    texts = ("NULL" if v is None else repr(str(v)[:_SHOWN]) for v in values)
    return ", ".join(list(texts)[:6])
