"""The first page: does it run, what needs attention, what changed last."""

from starlette.responses import Response

from roadbed.console.visit import Visit


def overview(visit: Visit) -> Response:
    """Show the state of the whole; what the visitor may not read is left out."""
    return visit.part(
        "overview.html",
        {"live": "_overview.html"},
        view=visit.data.overview(visit.now_us),
        rolling=visit.data.rolling.newest(),
        may={
            "calls": visit.may("call.read").allowed,
            "endpoints": visit.may("endpoint.read").allowed,
            "resources": visit.may("resource.read").allowed,
            "audit": visit.may("audit.read").allowed,
        },
    )
