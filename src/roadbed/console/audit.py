"""The audit log: its entries, its head, and its last signed checkpoint."""

from starlette.responses import Response

from roadbed.console.filters import OUTCOMES, AuditFilter
from roadbed.console.render import is_fetched
from roadbed.console.visit import Visit

PATH = "/console/audit"


def audit(visit: Visit) -> Response:
    """Show one page of the log; another spelling of a filter leads to its address."""
    wanted = AuditFilter.read(visit.request.query_params)
    address = wanted.query()
    if (
        not is_fetched(visit.request)
        and address.removeprefix("?") != visit.request.url.query
    ):
        return visit.go(PATH + address)
    response = visit.part(
        "audit.html",
        {"board": "_audit.html"},
        view=visit.data.audit(wanted),
        wanted=wanted,
        here=PATH,
        outcomes=OUTCOMES,
    )
    if visit.from_form:
        response.headers["HX-Push-Url"] = PATH + address
    return response
