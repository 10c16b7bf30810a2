"""Where the pages of rollouts are."""

from urllib.parse import quote, urlencode

ROLLOUTS = "/console/rollouts"


def rollout_page(rollout_id: str) -> str:
    """Return the page of a rollout."""
    return f"{ROLLOUTS}/{quote(rollout_id, safe='')}"


def rollouts_of(endpoint: str) -> str:
    """Return the page of all rollouts of an endpoint."""
    return f"{ROLLOUTS}?{urlencode({'endpoint': endpoint})}"


def calls_of(rollout_id: str) -> str:
    """Return the page of the calls that the newer version of a rollout answered."""
    asked = {"rollout": rollout_id, "arm": "new", "range": "30d"}
    return f"/console/calls?{urlencode(asked)}"
