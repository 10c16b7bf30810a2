"""Calls: the list with its filter and peek, one call with its chain, its bodies."""

from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from roadbed.console.data import Peek
from roadbed.console.filters import RANGES, STATUSES, CallFilter
from roadbed.console.render import fragment, is_fetched
from roadbed.console.visit import Visit
from roadbed.core.errors import NotFound

PATH = "/console/calls"


def calls(visit: Visit) -> Response:
    """Show one page of calls.

    A filter has one address: another spelling of it leads there.
    """
    query = visit.request.query_params
    if wanted_id := query.get("find", "").strip():
        return visit.go(f"{PATH}/{quote(wanted_id, safe='')}")
    wanted = CallFilter.read(query)
    address = wanted.query()
    if (
        not is_fetched(visit.request)
        and address.removeprefix("?") != visit.request.url.query
    ):
        return visit.go(PATH + address)
    response = visit.part(
        "calls.html",
        {"board": "_calls.html", "live": "_calls_table.html"},
        view=visit.data.calls(wanted, visit.now_us),
        wanted=wanted,
        here=PATH,
        peek=_peek(visit, wanted.peek),
        ranges=RANGES,
        statuses=STATUSES,
    )
    if visit.from_form:
        response.headers["HX-Push-Url"] = PATH + address
    return response


def call(visit: Visit) -> Response:
    """Show one call: facts, chain, and for a prediction what moved it."""
    name = visit.named("name")
    return visit.page(
        "call.html",
        view=visit.data.call(name),
        may_read_bodies=visit.may("call.read-payload", visit.found("call.read")),
    )


def call_json(visit: Visit) -> Response:
    """Return the chain as JSON, as `roadbed why -o json` prints it."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return JSONResponse(visit.data.call(visit.named("name")).raw, headers=headers)


def proof(visit: Visit) -> Response:
    """Check one call against the audit log, and show what was found."""
    name = visit.named("name")
    return visit.part(
        "proof.html",
        {"proof": "_proof.html"},
        call_id=name,
        verdicts=visit.data.verify(name),
    )


def bodies(visit: Visit) -> Response:
    """Show what was asked and what was answered."""
    name = visit.named("name")
    return visit.part(
        "bodies.html",
        {"bodies": "_bodies.html"},
        call_id=name,
        bodies=visit.data.bodies(name),
    )


def _peek(visit: Visit, call_id: str) -> Peek | NotFound | None:
    # The poll refreshes the list only; the panel beside it does not change.
    if not call_id or fragment(visit.request) == "live":
        return None
    try:
        return visit.data.peek(call_id)
    except NotFound as error:
        return error
