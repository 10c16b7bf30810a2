"""Where the pages of rollouts are."""

from urllib.parse import quote, urlencode

ROLLOUTS = "/console/rollouts"


def rollout_page(rollout_id: str) -> str:
    """Return the page of a rollout."""
    return f"{ROLLOUTS}/{quote(rollout_id, safe='')}"


def rollouts_of(endpoint: str) -> str:
    """Return the page of all rollouts of an endpoint."""
    return f"{ROLLOUTS}?{urlencode({'endpoint': endpoint})}"
