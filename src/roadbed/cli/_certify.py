"""How `roadbed eval certify` works and shows what it found."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._output import print_json

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.server.evaluating.certify import Certified
    from roadbed.server.evaluating.evaluator import Evaluator

_POSITION = {
    "changed": "pairs whose verdict changed with the order",
    "flipped": "pairs that the order alone decided",
    "first": "of those, for the one shown first",
}


def certified(
    line: "Session", evaluation: str, output: str, asked: Mapping[str, Any]
) -> bool:
    """Have a judge examined and show what was found; say whether it may gate."""
    from roadbed.cli._evaluations import counting, preview_of, work
    from roadbed.control.evaluations import judges_standing
    from roadbed.core.reference import parse
    from roadbed.server.evaluating.certify import Exam, Examiner

    preview = preview_of(line, asked["stack"])
    content = preview.content("Evaluation", evaluation)
    labels = parse(asked["labels"])
    line.also("dataset.read", "Dataset", labels.name)
    exam = Exam(
        content=content, grader=asked["grader"], labels=labels, days=asked["days"]
    )

    async def job(evaluator: "Evaluator") -> "Certified":
        with counting(exam.grader, as_json=output == "json") as tell:
            return await Examiner(evaluator).certify(exam, tell)

    made = work(line, preview, job)
    with line.app.database.read() as connection:
        now_us = line.app.now_us()
        standing = judges_standing(connection, preview, content, now_us)[exam.grader]
    said = standing.content()
    if output == "json":
        print_json({**said, "cost_nano": made.cost_nano, "asked": made.answers})
    else:
        _show(said, made)
    return standing.permission.allowed or standing.declared is None


def _show(said: Mapping[str, Any], made: "Certified") -> None:
    from roadbed.core.clock import to_text
    from roadbed.evals.reports.standing import named

    held = said["certificate"]
    found = held["findings"]
    click.echo(f"{named(held)}, until {to_text(held['expires_us'])[:10]}")
    for name in ("agreement", "kappa"):
        click.echo(f"{name} {_interval(found[name])}")
    for name, slice_ in sorted(found["slices"].items()):
        rates = ", ".join(f"{n} {_interval(each)}" for n, each in slice_.items())
        click.echo(f"{name or 'all'}: {rates}")
    for name, each in sorted(found["people"].items()):
        click.echo(f"{name} of the two annotators {_interval(each)}")
    for name, each in found["position"].items():
        click.echo(f"{_POSITION[name]}: {_interval(each)}")
    for name, probe in sorted(found["probes"].items()):
        click.echo(f"probe {name}: fooled {probe['fooled']} of {probe['answers']}")
    click.echo(f"asked of {made.answers:,} answers, ${made.cost_nano / 1e9:.4f}")
    if said["may_gate"]:
        click.echo(f"it may gate: {said['declared']:.0%} is declared")
    else:
        click.echo(f"it may not gate: {said['reason']}")


def _interval(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "unknown"
    if found["low"] is None or found["high"] is None:
        return f"{found['value']:.3g}"
    return f"{found['value']:.3g} ({found['low']:.3g} to {found['high']:.3g})"
