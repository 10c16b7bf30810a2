"""What the commands of `roadbed golden` share."""

import json
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._output import plain

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.cli._session import Session
    from roadbed.control.golden import Gathered
    from roadbed.control.upkeep import Checked
    from roadbed.evals.golden import Candidate, Golden
    from roadbed.evals.review import Settled

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_KEYS = {"a": "accept", "e": "accept", "r": "reject", "s": "skip"}


def golden(app: "App") -> "Golden":
    """Return the queues of this line."""
    from roadbed.evals.golden import Golden

    return Golden(app.database, app.now_us)


def back(text: str, now_us: int) -> int:
    """Return the moment that *text* such as `7d` means; raise Invalid."""
    from roadbed.core.errors import Invalid

    match = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if match is None:
        raise Invalid(f"{text!r} is no stretch of time", hint="30m, 12h, 7d or 4w")
    return max(0, now_us - int(match[1]) * _UNITS[match[2]] * 1_000_000)


def length(text: str) -> int:
    """Return the microseconds of a stretch such as `1d`; raise Invalid."""
    return 2**52 - back(text, 2**52)


def gathered(line: "Session", wanted: Mapping[str, Any]) -> "Gathered":
    """Return what the options of `golden add` ask for; Invalid unless one does."""
    from roadbed.cli._feedback import feedbacks
    from roadbed.control.golden import Gathered, Gatherer, written
    from roadbed.core.errors import Invalid

    app = line.app
    ways = [n for n in ("calls", "feedback", "rate", "file") if wanted[n]]
    if len(ways) != 1:
        raise Invalid(
            "say where cases come from: --call, --feedback, --random or --file"
        )
    since_us = back(str(wanted["since"]), app.now_us())
    reason = wanted["reason"]
    found = Gatherer(viewer=line.viewer, calls=app.calls, feedbacks=feedbacks(app))
    endpoint, limit = wanted["endpoint"], wanted["limit"]
    if wanted["calls"]:
        return found.named(wanted["calls"], reason or "chosen")
    if wanted["feedback"]:
        return found.spoken_of(wanted["feedback"], endpoint, since_us, limit)
    if wanted["rate"]:
        return found.drawn(endpoint, since_us, wanted["rate"], limit)
    file = wanted["file"]
    return Gathered(drafts=list(written(file, reason or f"from {file.name}")))


def agreement(told: Mapping[str, Any]) -> str:
    """Return how far annotators agree in words; empty if nobody can say."""
    share = told["agreement"]
    measure = "alpha" if "alpha" in told else "kappa"
    beyond = told[measure]
    if share["value"] is None:
        return ""
    words = f"agreement {share['value']:.0%}{_between(share, '.0%')}"
    if beyond["value"] is not None:
        words += f", {measure} {beyond['value']:.2f}{_between(beyond, '.2f')}"
    by = f", {told['annotators']} annotators in all" if measure == "alpha" else ""
    return f"{words} of {told['pairs']} looked at by two{by}"


def _between(known: Mapping[str, Any], form: str) -> str:
    if known["low"] is None:
        return ""
    return f" ({known['low']:{form}} to {known['high']:{form}})"


def said(
    line: "Session",
    dataset: str,
    candidate: str,
    verdict: str,
    expected: str | None,
    note: str = "",
) -> "Settled":
    """Keep what the annotator says of one candidate of *dataset*."""
    from roadbed.control.reviewing import Reviewer
    from roadbed.evals.golden import verdict_of
    from roadbed.evals.review import Label

    right = None if expected is None else read(expected)
    label = Label(
        annotator=line.actor, verdict=verdict_of(verdict), expected=right, note=note
    )
    reviewer = Reviewer(viewer=line.viewer, golden=golden(line.app))
    return reviewer.say(dataset, candidate, label, proposed=expected is None)


def reviewed(line: "Session", dataset: str) -> int:
    """Ask for a key for each candidate until none is left; return how many."""
    from roadbed.control.reviewing import must_read

    done, queue = 0, golden(line.app)
    while (found := queue.next(dataset, line.actor)) is not None:
        must_read(line.viewer, found)
        _show(found)
        key = _key()
        if key == "q":
            break
        right = click.prompt("expected", err=True) if key == "e" else None
        settled = said(line, dataset, found.id, _KEYS[key], right)
        click.echo(f"{_KEYS[key]}: {settled.state}")
        done += 1
    return done


def read(text: str) -> Any:
    """Return *text* as JSON if it is some, else as the text it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _key() -> str:
    while True:
        click.echo("[a]ccept [e]dit [r]eject [s]kip [q]uit ", err=True, nl=False)
        key = _pressed().lower()
        click.echo(key, err=True)
        if key in {*_KEYS, "q"}:
            return key


def _pressed() -> str:
    """Return the next key; where nobody types, the next line, and q at its end."""
    if sys.stdin.isatty():
        return click.getchar()
    return sys.stdin.readline().strip() or "q"


def _show(found: "Candidate") -> None:
    click.echo(f"\n{found.id}  {plain(found.reason)}  {found.model}")
    right = found.answer if found.expected is None else found.expected
    for name, value in (
        ("asked", found.input),
        ("answered", found.answer),
        ("expected", right),
    ):
        told = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        )
        click.echo(f"{name:<9} {plain(told)}")


def checked(line: "Session", dataset: str) -> "Checked":
    """Return what is to be looked at in a golden set: this version, or the newest."""
    from roadbed.control.upkeep import Keeper, cases_of
    from roadbed.core.reference import parse

    app = line.app
    alone = "@" not in dataset
    version = (
        app.datasets.newest(dataset) if alone else app.datasets.get(parse(dataset))
    )
    with app.database.read() as connection:
        cases, limits = cases_of(connection, str(version))
    keeper = Keeper(database=app.database, datasets=app.datasets)
    return keeper.check(version, cases, limits, app.now_us())
