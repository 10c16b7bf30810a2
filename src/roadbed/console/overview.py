"""The first page: does it run, what needs attention, what changed last."""

from starlette.responses import Response

from roadbed.console.visit import Visit


def overview(visit: Visit) -> Response:
    """Show the state of the whole; what the visitor may not read is left out.

    What waits for somebody in a rollout is told with the rollout, and not again among
    the alerts.
    """
    view, rolling = visit.data.overview(visit.now_us), visit.data.rolling.newest()
    shown = {each.row.id for each in rolling.values() if each.waits}
    return visit.part(
        "overview.html",
        {"live": "_overview.html"},
        view=view,
        alerts=[alert for alert in view.alerts if alert.rollout not in shown],
        rolling=rolling,
        may={
            "calls": visit.may("call.read").allowed,
            "endpoints": visit.may("endpoint.read").allowed,
            "resources": visit.may("resource.read").allowed,
            "audit": visit.may("audit.read").allowed,
        },
    )
