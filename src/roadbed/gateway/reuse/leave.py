"""A caller who leaves: is the answer still read to its end?"""

from roadbed.inference.call import Call
from roadbed.inference.snapshot import Deployment, Upstream


def reads_on(call: Call) -> bool:
    """Say whether the answer to *call* is read to its end though nobody listens.

    It is if others wait for it, or the caller may come back for it with an idempotency
    key, or if its upstream is declared so: `on_disconnect: drain`.
    """
    if call.followers:
        return True
    if call.deployment is None:
        return False
    return _asked(call, call.deployment).on_disconnect == "drain"


def _asked(call: Call, deployment: Deployment) -> Upstream:
    """Return the upstream that was asked last, the first one if that is not known."""
    places = [place for choice in deployment.choices for place in choice.upstreams]
    if call.attempts:
        last = call.attempts[-1]
        for place in places:
            if str(place) == (last.upstream or last.provider):
                return place
    return places[0]
