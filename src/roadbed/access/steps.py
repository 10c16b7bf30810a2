"""What access adds to the governed path: who is calling, and may they?"""

from collections.abc import Callable
from dataclasses import replace

from roadbed.access.authorize import denial
from roadbed.access.visible import endpoint_of, nothing
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import Unauthenticated
from roadbed.identity.authenticate import authenticate
from roadbed.inference.call import Call, Outcome
from roadbed.inference.snapshot import Deployment

INFER = "endpoint.infer"
ANSWER = "version.infer"
Questions = tuple[tuple[str, Target], ...]
"""Actions and what they would be done to."""
Decisions = tuple[Decision, ...]
Asked = tuple[Questions, Decisions]


class Authenticate:
    """Finds out who is calling, from the key or token and the snapshot."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us

    def admit(self, call: Call) -> None:
        """Set `call.principal`, or raise Unauthenticated."""
        now_us = self._now_us()
        call.principal = authenticate(call.snapshot, call.credential, now_us)

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


class Authorize:
    """Asks whether the caller may infer on the endpoint, and on the version it serves.

    Both must be allowed: an endpoint that may be called does not give away a
    version that is for others.
    """

    def admit(self, call: Call) -> None:
        """Set `call.decision`, and raise Denied if it is no.

        An endpoint that does not exist is decided upon like one that does, and one
        of another tenant like one that does not, so nobody learns more from the
        answer than they may know.
        """
        if call.principal is None:
            raise Unauthenticated("no step found out who is calling")
        asked = _asked(call)
        decisions = call.snapshot.authority.decide_all(call.principal, asked)
        if not decisions[-1].allowed:
            asked, decisions = _elsewhere(call, asked, decisions)
        call.decision = together(decisions)
        if not call.decision.allowed:
            action, target = asked[len(decisions) - 1]
            raise denial(call.principal, action, target, decisions[-1])

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


def _asked(call: Call) -> tuple[tuple[str, Target], ...]:
    """Return what has to be allowed: the endpoint, and the version that it serves."""
    snapshot, caller, name = call.snapshot, call.principal, call.endpoint
    assert caller is not None
    deployment = snapshot.deployments.get(name)
    if deployment is not None and deployment.target.tenant == caller.tenant:
        return questions_of(deployment)
    found = endpoint_of(snapshot, caller, name)
    return ((INFER, found or nothing(caller, "Endpoint", name)),)


def _elsewhere(call: Call, asked: Questions, denied: Decisions) -> Asked:
    """Return what allows the call at another place of the version, or *denied*."""
    deployment, caller = call.snapshot.deployments.get(call.endpoint), call.principal
    if deployment is None or caller is None or asked[0][1] is not deployment.target:
        return asked, denied
    places = deployment.choices[0].upstreams
    for region in dict.fromkeys(place.region for place in places):
        if region != deployment.region:
            there = questions_in(deployment, region)
            decisions = call.snapshot.authority.decide_all(caller, there)
            if decisions[-1].allowed:
                return there, decisions
    return asked, denied


def questions_in(deployment: Deployment, region: str) -> Questions:
    """Return what a call needs that is processed in *region*, one of the version's."""
    known = {k: v for k, v in deployment.target.attributes.items() if k != "region"}
    own = {**known, **({"region": region} if region else {})}
    version = deployment.target_of(deployment.choices[0], region)
    return (INFER, Target.fixed("Endpoint", deployment.endpoint, own)), (
        ANSWER,
        version,
    )


def questions_of(deployment: Deployment) -> tuple[tuple[str, Target], ...]:
    """Return what a call needs: to infer on the endpoint, and on its version."""
    return (INFER, deployment.target), (ANSWER, deployment.version_target)


def together(decisions: tuple[Decision, ...]) -> Decision:
    """Return one decision for the record: the denial, or the reasons of all."""
    last = decisions[-1]
    if not last.allowed or len(decisions) == 1:
        return last
    reasons = tuple(dict.fromkeys(r for d in decisions for r in d.reasons))
    if reasons == last.reasons:
        return last
    return replace(last, reasons=reasons)
