"""The scorecard: faults down, providers and callers across."""

import json
from dataclasses import asdict

from rich.table import Table

COLOURS = {"pass": "green", "safe": "yellow", "fail": "bold red", "-": "dim"}


def columns(results):
    return list(dict.fromkeys((r.provider, r.caller) for r in results))


def cell(results, fault, column):
    """Return one word if whole and stream agree, both otherwise."""
    words = [
        r.verdict
        for r in results
        if r.fault == fault and (r.provider, r.caller) == column
    ]
    return "/".join(dict.fromkeys(words)) or "-"


def totals(results):
    return {
        word: sum(r.verdict == word for r in results)
        for word in ("pass", "safe", "fail")
    }


def rows(results):
    for fault in dict.fromkeys(r.fault for r in results):
        yield fault, [cell(results, fault, column) for column in columns(results)]


def as_table(results):
    table = Table("fault", *(f"{p}\n< {c}" for p, c in columns(results)))
    for fault, cells in rows(results):
        table.add_row(fault, *(_coloured(text) for text in cells))
    return table


def _coloured(text):
    worst = next(word for word in ("fail", "safe", "pass", "-") if word in text)
    return f"[{COLOURS[worst]}]{text}[/]"


def as_markdown(results):
    heads = [f"{provider} ← {caller}" for provider, caller in columns(results)]
    lines = [["fault", *heads], ["---"] * (len(heads) + 1)]
    lines += [[f"`{fault}`", *cells] for fault, cells in rows(results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_json(results, complaints):
    return json.dumps(
        {
            "totals": totals(results),
            "results": [asdict(r) for r in results],
            "complaints": complaints,
        },
        indent=1,
    )
