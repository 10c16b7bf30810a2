"""Runs: the list with its filter, one run, and several side by side."""

from starlette.responses import Response

from roadbed.console.custody.filters import (
    MOST_RUNS,
    STANDINGS,
    RunFilter,
    read_runs,
)
from roadbed.console.custody.places import RUNS
from roadbed.console.render import is_fetched
from roadbed.console.visit import Visit


def runs(visit: Visit) -> Response:
    """Show one page of runs.

    A filter has one address: another spelling of it leads there.
    """
    wanted = RunFilter.read(visit.request.query_params)
    address = wanted.query()
    if (
        not is_fetched(visit.request)
        and address.removeprefix("?") != visit.request.url.query
    ):
        return visit.go(RUNS + address)
    response = visit.part(
        "runs.html",
        {"board": "_runs.html"},
        view=visit.data.custody.runs(wanted, visit.now_us),
        wanted=wanted,
        here=RUNS,
        standings=STANDINGS,
        most=MOST_RUNS,
    )
    if visit.from_form:
        response.headers["HX-Push-Url"] = RUNS + address
    return response


def run(visit: Visit) -> Response:
    """Show one run."""
    view = visit.data.custody.run(visit.named("name"), visit.now_us)
    return visit.page("run.html", view=view)


def compare(visit: Visit) -> Response:
    """Show runs side by side: those whose ids the address has, 2 to 8."""
    query = visit.request.query_params
    ids = read_runs(query.getlist("run"))
    for run_id in ids:
        visit.also("run.read", "Run", run_id)
    wanted = query.get("changes") == "yes"
    view = visit.data.custody.compare(ids, visit.now_us, changes=wanted)
    return visit.page("compare.html", view=view, ids=ids, most=MOST_RUNS)
