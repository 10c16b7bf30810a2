"""Rollouts: the list by state, one of them, and what people do to it."""

from dataclasses import dataclass

from starlette.responses import Response

from roadbed.console import session
from roadbed.console.render import is_fetched
from roadbed.console.rollouts.filters import GROUPS, RolloutFilter
from roadbed.console.rollouts.places import ROLLOUTS, rollout_page
from roadbed.console.visit import Visit
from roadbed.core.errors import Conflict, Denied, Invalid, RoadbedError

EXAMPLE = """\
apiVersion: roadbed/v1
kind: Endpoint
metadata:
  name: support
spec:
  model: support-bot@8
  rollout:
    strategy: canary
    unit: user
    steps:
      - {percent: 5, hold_s: 600, units: 200}
      - {percent: 25, hold_s: 1800, units: 500}
      - {percent: 100, hold_s: 3600, units: 1000}
    guardrails:
      - {metric: errors, margin: 0.01}
      - {metric: slow, margin: 0.02}
    soak_s: 86400
"""
_REVISION = 10**9


@dataclass(frozen=True, slots=True)
class Failed:
    """What somebody wanted to do, for what reason, and why it was not done."""

    what: str
    reason: str
    error: RoadbedError


def rollouts(visit: Visit) -> Response:
    """Show the rollouts by their state."""
    wanted = RolloutFilter.read(visit.request.query_params)
    response = visit.part(
        "rollouts.html",
        {"board": "_rollouts.html", "live": "_rollouts_live.html"},
        view=visit.data.rolling.rollouts(wanted, visit.now_us),
        wanted=wanted,
        states=GROUPS,
        example=EXAMPLE,
        here=ROLLOUTS,
    )
    if visit.from_form:
        response.headers["HX-Push-Url"] = ROLLOUTS + wanted.query()
    return response


def rollout(visit: Visit) -> Response:
    """Show one rollout."""
    query = visit.request.query_params
    return _page(visit, opened=query.get("act", "")[:20], said=query.get("said", ""))


def steer(visit: Visit) -> Response:
    """Approve, pause, resume, promote or abort a rollout."""
    form, what = _form(visit, "rollout.steer"), visit.form.get("what", "")
    # What is not possible any more has none; then what was seen first tells why.
    revision = form.get("revision", form.get("seen", ""))
    if not (revision.isascii() and revision.isdigit() and int(revision) < _REVISION):
        raise Invalid("this form names no revision", hint="load the page again")
    rollout_id = visit.named("rollout")
    try:
        visit.data.rolling.steer(
            rollout_id, what, form.get("reason", ""), int(revision), visit.now_us
        )
    except (Conflict, Denied, Invalid) as error:
        return _page(visit, failed=Failed(what, form.get("reason", ""), error))
    return visit.go(f"{rollout_page(rollout_id)}?said={what}")


def roll_back(visit: Visit) -> Response:
    """Let the endpoint of a rollout serve what it served before."""
    form, rollout_id = _form(visit, "rollout.rollback"), visit.named("rollout")
    reason = form.get("reason", "")
    try:
        after = visit.data.rolling.roll_back(rollout_id, reason, visit.now_us)
    except (Conflict, Invalid) as error:
        return _page(visit, failed=Failed("rollback", reason, error))
    return visit.go(f"{rollout_page(after)}?said=rollback")


def _form(visit: Visit, action: str) -> dict[str, str]:
    """Return the form, if it is ours and the visitor may do *action* there."""
    endpoint = visit.data.rolling.endpoint_of(visit.named("rollout"))
    visit.also(action, "Endpoint", endpoint)
    if session.from_elsewhere(visit.request) or not session.action_token_matches(
        visit.token, visit.form.get("token", "")
    ):
        raise Denied("this form is not from this page", hint="load the page again")
    return visit.form


def _page(
    visit: Visit, *, opened: str = "", said: str = "", failed: Failed | None = None
) -> Response:
    values = {
        "view": visit.data.rolling.rollout(visit.named("rollout"), visit.now_us),
        "opened": failed.what if failed else opened,
        "said": said[:20],
        "failed": failed,
        "may_read_calls": visit.may("call.read").allowed,
    }
    status = failed.error.status if failed and not is_fetched(visit.request) else 200
    if status != 200:
        return visit.page("rollout.html", status, **values)
    return visit.part("rollout.html", {"live": "_rollout.html"}, **values)
