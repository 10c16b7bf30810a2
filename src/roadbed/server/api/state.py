"""How the server is: its alerts and its numbers."""

from pydantic import BaseModel, ConfigDict

from roadbed.gateway.alerts import Alert, list_alerts
from roadbed.server.metrics import CONTENT_TYPE, Metrics
from roadbed.server.routes import Ask, Raw, Route


class AlertFilter(BaseModel):
    """Whether alerts that are over are wanted too."""

    model_config = ConfigDict(extra="forbid")

    cleared: bool = False


class Alerts(BaseModel):
    """Things to look at, newest first; those not yet in the database come first."""

    alerts: list[Alert]


def alerts(ask: Ask) -> Alerts:
    """List the alerts."""
    with ask.services.database.read() as connection:
        kept = list_alerts(connection, cleared=ask.query.cleared)
    return Alerts(alerts=[*ask.services.pending(), *kept])


def state_routes(metrics: Metrics) -> tuple[Route, ...]:
    """Return the routes that show *metrics* and the alerts."""

    def scrape(ask: Ask) -> Raw:
        gauges = dict(ask.services.gauges())
        revision = float(ask.snapshot.revision)
        gauges["roadbed_snapshot_revision"] = "The revision that is served.", revision
        body = metrics.text(gauges, ask.tenant).encode()
        return Raw(content_type=CONTENT_TYPE, body=body)

    return (
        Route(
            method="GET",
            path="/api/v1/alerts",
            action="metrics.read",
            handler=alerts,
            summary="List what somebody should look at",
            answer=Alerts,
            query=AlertFilter,
            tag="state",
        ),
        Route(
            method="GET",
            path="/metrics",
            action="metrics.read",
            handler=scrape,
            summary="Scrape the metrics, in Prometheus' text format",
            answer=Raw,
            raw_type="text/plain",
            tag="state",
        ),
    )
