"""Endpoints: what each serves, how it fares, and how it came to this."""

from starlette.responses import Response

from roadbed.console.visit import Visit


def endpoints(visit: Visit) -> Response:
    """Show all endpoints."""
    return visit.part(
        "endpoints.html",
        {"live": "_endpoints_table.html"},
        rows=visit.data.endpoints(visit.now_us),
        rolling=visit.data.rolling.newest(),
        here="/console/endpoints",
    )


def endpoint(visit: Visit) -> Response:
    """Show one endpoint, with its latest calls if the visitor may read calls."""
    name = visit.named("name")
    return visit.page(
        "endpoint.html",
        view=visit.data.endpoint(name, visit.now_us),
        rolling=visit.data.rolling.newest().get(name),
        evaluations=visit.data.assays.of_endpoint(name, visit.now_us),
        may_read_calls=visit.may("call.read").allowed,
        may_read_resources=visit.may("resource.read").allowed,
    )
