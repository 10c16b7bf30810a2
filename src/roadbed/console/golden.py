"""Review: the queues of cases to be, and one case after the other, by keyboard."""

import json
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from roadbed.console import session
from roadbed.console.visit import Visit
from roadbed.core.errors import Denied, Invalid
from roadbed.evals.golden import verdict_of
from roadbed.evals.review import Label

PATH = "/console/golden"


def queues(visit: Visit) -> Response:
    """Show the queues of golden sets."""
    return visit.page("golden.html", queues=visit.learning.queues())


def review(visit: Visit) -> Response:
    """Show the next case of one queue."""
    name = visit.named("name")
    query = visit.request.query_params
    desk = visit.learning.desk(name, query.get("after", "")[:80])
    return visit.page(
        "review.html",
        name=name,
        desk=desk,
        asked=turns(desk.candidate.input) if desk.candidate else (),
        answered=shown(desk.candidate.answer) if desk.candidate else "",
        proposed=shown(desk.proposed),
        plain=desk.proposed is None or isinstance(desk.proposed, str),
        said=query.get("said", "")[:20],
    )


def label(visit: Visit) -> Response:
    """Keep what the annotator says, and go on to the next case."""
    form = visit.form
    if session.from_elsewhere(visit.request) or not session.action_token_matches(
        visit.token, form.get("token", "")
    ):
        raise Denied("this form is not from this page", hint="load the page again")
    verdict, name = verdict_of(form.get("verdict", "")), visit.named("name")
    expected = _expected(form) if verdict == "accept" else None
    said = Label(
        annotator=str(visit.principal),
        verdict=verdict,
        expected=expected,
        note=form.get("note", ""),
    )
    candidate = form.get("candidate", "")
    state = visit.learning.label(name, candidate, said)
    return visit.go(f"{PATH}/{quote(name, safe='')}?said={quote(state)}")


def turns(asked: Any) -> list[tuple[str, str]]:
    """Return what was asked as who said what: of features, each with its value."""
    if isinstance(asked, dict):
        return [(str(name), shown(value)) for name, value in asked.items()]
    if isinstance(asked, list) and all(isinstance(turn, dict) for turn in asked):
        return [
            (str(t.get("role", "")), shown(t.get("content", t.get("text"))))
            for t in asked
        ]
    return [("user", shown(asked))]


def shown(value: Any) -> str:
    """Return *value* as text to be looked at, and edited: texts as they are."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2)


def _expected(form: dict[str, str]) -> Any:
    text = form.get("expected", "").replace("\r\n", "\n")
    if form.get("form") != "json":
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise Invalid(
            "what is expected is no JSON",
            hint="go back and mend it, or reject the case",
        ) from None
