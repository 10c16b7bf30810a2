"""The scorecard: examiners down, what became of their cases across."""

import json
from dataclasses import asdict

from rich.table import Table

HEADS = ("examiner", "passed", "excluded", "failed", "verdict")
COLOURS = {"pass": "green", "fail": "bold red", "gap": "yellow", "not ours": "dim"}


def totals(scores):
    return {
        "passed": sum(score.passed for score in scores),
        "excluded": sum(sum(score.excluded.values()) for score in scores),
        "failed": sum(len(score.wrong) for score in scores),
    }


def row(score):
    counts = score.passed, sum(score.excluded.values()), len(score.wrong)
    return [score.name, *map(str, counts), score.verdict]


def remarks(scores):
    """Return a line for each that failed or was not run, and each reason."""
    for score in scores:
        yield from (f"fail: {score.name}: {test}" for test in score.wrong)
        for why in filter(None, (score.gap, score.absent)):
            yield f"{score.verdict}: {score.name}: {why}"
        for reason, count in score.excluded.items():
            yield f"excluded: {count} of {score.name}: {reason}"


def as_table(scores):
    table = Table(*HEADS)
    for score in scores:
        *cells, verdict = row(score)
        table.add_row(*cells, f"[{COLOURS[verdict]}]{verdict}[/]")
    return table


def as_markdown(scores):
    lines = [HEADS, ["---"] * len(HEADS), *map(row, scores)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    said = "\n".join(f"- {remark}" for remark in remarks(scores))
    return f"{table}\n\n{said}"


def as_json(scores):
    told = [asdict(score) | {"verdict": score.verdict} for score in scores]
    return json.dumps({"totals": totals(scores), "examiners": told}, indent=1)
