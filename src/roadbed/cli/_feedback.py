"""How `roadbed calls feedback` reads what is said, and shows what became of it."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._output import plain, print_json

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.cli._session import Session
    from roadbed.control.feedback import Ear, Heard, Spoken
    from roadbed.evals.feedback import Feedback, Feedbacks

_KINDS = ("thumbs", "score", "label", "correction", "outcome")


def feedbacks(app: "App") -> "Feedbacks":
    """Return what keeps feedback on this line."""
    from roadbed.evals.feedback import Feedbacks

    return Feedbacks(app.database, app.now_us)


def ear(line: "Session") -> "Ear":
    """Return what hears the one who acts."""
    from roadbed.control.feedback import Ear
    from roadbed.gateway.reuse.keys import Keys

    app = line.app
    return Ear(
        viewer=line.viewer,
        calls=app.calls,
        feedbacks=feedbacks(app),
        keys=Keys(app.database, app.now_us),
    )


def spoken(call: str, said: Mapping[str, Any]) -> "Spoken":
    """Return what the options say; raise Invalid unless they say one thing."""
    from roadbed.control.feedback import Spoken
    from roadbed.core.errors import Invalid

    kinds = [kind for kind in _KINDS if said[kind] is not None]
    if len(kinds) != 1 or not call:
        raise Invalid(
            "say one thing of one call, or give a file",
            hint=f"CALL and one of --{', --'.join(_KINDS)}; or --file feedback.jsonl",
        )
    value = said[kinds[0]]
    if kinds[0] in ("correction", "outcome"):
        value = _json_or_text(value)
    rest = {name: said[name] for name in ("name", "source", "comment")}
    return Spoken(call=call, kind=kinds[0], value=value, **rest)


def told_in(file: Path) -> Iterator["Spoken"]:
    """Yield what a file of JSON Lines says; raise Invalid naming the line."""
    from roadbed.control.feedback import Spoken
    from roadbed.core.errors import Invalid

    known = set(Spoken.__dataclass_fields__)
    with file.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                told = json.loads(text)
                yield Spoken(**told)
            except (ValueError, TypeError):
                raise Invalid(
                    f"{file.name}:{number}: this is no feedback",
                    hint=f"one JSON object with {', '.join(sorted(known))}; kind and "
                    "value are needed, and call, trace or idempotency_key",
                ) from None


def tell(heard: list["Heard"], output: str) -> None:
    """Print what became of what was said; exit 1 if some of it was not kept."""
    wrong = [each for each in heard if each.error]
    if output == "json":
        print_json({"results": [asdict(each) for each in heard]})
    else:
        new = sum(each.new for each in heard)
        same = len(heard) - new - len(wrong)
        click.echo(f"kept {new}" + (f", {same} were known" if same else ""))
        for each in wrong:
            click.echo(plain(f"not kept: {each.call_id}: {each.error}"), err=True)
    if wrong:
        sys.exit(1)


def lines(said: Iterable["Feedback"]) -> Iterator[str]:
    """Yield feedback as lines for people."""
    for each in said:
        yield f"feedback  {each.told}"
        if each.value is not None:
            yield f"          {each.value}"
        if each.comment:
            yield f"          {each.comment}"


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
