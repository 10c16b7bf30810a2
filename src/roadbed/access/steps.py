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
        first, *others = decisions
        if others and not others[-1].allowed:
            decisions = (first, _elsewhere(call, others[-1]))
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


def _elsewhere(call: Call, denied: Decision) -> Decision:
    """Return what allows the version at another of its places, or *denied*."""
    deployment, caller = call.snapshot.deployments[call.endpoint], call.principal
    assert caller is not None
    first = deployment.choices[0]
    for region in dict.fromkeys(upstream.region for upstream in first.upstreams):
        if region == deployment.region:
            continue
        target = deployment.target_of(first, region)
        decision = call.snapshot.authority.decide(caller, ANSWER, target)
        if decision.allowed:
            return decision
    return denied


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
