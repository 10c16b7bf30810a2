"""At which places a call may be processed: decided before one of them is chosen."""

from collections.abc import Sequence

from roadbed.access.authorize import denial
from roadbed.access.steps import ANSWER
from roadbed.core.errors import Denied, NotReady
from roadbed.gateway.attempts.health import Healths, Place
from roadbed.inference.call import Call
from roadbed.inference.snapshot import Choice


def places_for(call: Call, choice: Choice, healths: Healths) -> Sequence[Place]:
    """Return the places at which *choice* may be asked for whoever made *call*.

    The version must be allowed to the caller, and the region to caller and endpoint,
    by the same question that was asked of the version which the endpoint serves.
    """
    places = healths.places(choice)
    if _is_decided(call, choice):
        return places
    allowed = {
        region: _may(call, choice, region)
        for region in {place.upstream.region for place in places}
    }
    return [place for place in places if allowed[place.upstream.region]]


def refusal(call: Call, choices: Sequence[Choice]) -> Denied | NotReady:
    """Return why none of *choices* may be asked: the reason of the first one."""
    caller, deployment = call.principal, call.deployment
    if caller is None or deployment is None or not choices:
        return NotReady("there is nothing that could answer")
    first = choices[0]
    target = deployment.target_of(first, first.upstreams[0].region)
    decision = call.snapshot.authority.decide(caller, ANSWER, target)
    return denial(caller, ANSWER, target, decision)


def _is_decided(call: Call, choice: Choice) -> bool:
    """Say whether it was this very question that let the call in."""
    deployment = call.deployment
    if deployment is None or choice is not deployment.choices[0]:
        return False
    here = deployment.region
    return all(upstream.region == here for upstream in choice.upstreams)


def _may(call: Call, choice: Choice, region: str) -> bool:
    if call.principal is None or call.deployment is None:
        return False
    target = call.deployment.target_of(choice, region)
    return call.snapshot.authority.decide(call.principal, ANSWER, target).allowed
