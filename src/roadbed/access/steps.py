"""What access adds to the governed path: who is calling, and may they?"""

from collections.abc import Callable
from dataclasses import replace

from roadbed.access.authorize import denial
from roadbed.access.visible import endpoint_of, nothing
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import Unauthenticated
from roadbed.identity.authenticate import authenticate
from roadbed.inference.call import Call, Outcome
from roadbed.inference.path import idle
from roadbed.inference.snapshot import Deployment, Snapshot

INFER = "endpoint.infer"
ANSWER = "version.infer"
_REMEMBERED = 20_000
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

    @idle
    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


class Authorize:
    """Asks whether the caller may infer on the endpoint, and on the version it serves.

    Both must be allowed: an endpoint that may be called does not give away a
    version that is for others. What was allowed is remembered for as long as the
    snapshot is the same, by who asked and what is deployed.
    """

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._known: dict[tuple[int, int], tuple[Principal, Deployment, Decision]] = {}

    def admit(self, call: Call) -> None:
        """Set `call.decision`, and raise Denied if it is no.

        An endpoint that does not exist is decided upon like one that does, and one
        of another tenant like one that does not, so nobody learns more from the
        answer than they may know.
        """
        caller, deployment = call.principal, call.served
        if caller is None:
            raise Unauthenticated("no step found out who is calling")
        if call.snapshot is not self._snapshot or len(self._known) >= _REMEMBERED:
            self._snapshot, self._known = call.snapshot, {}
        key = id(caller), id(deployment)
        known = self._known.get(key)
        # An object that is held keeps its id from being given to another.
        if known and known[0] is caller and known[1] is deployment:
            call.decision = known[2]
            return
        call.decision = self._decide(call, caller)
        if deployment is not None:
            self._known[key] = caller, deployment, call.decision

    def _decide(self, call: Call, caller: Principal) -> Decision:
        """Return what allows *call*; raise Denied."""
        asked = _asked(call)
        decisions = call.snapshot.authority.decide_all(caller, asked)
        if not decisions[-1].allowed:
            asked, decisions = _elsewhere(call, asked, decisions)
        decision = together(decisions)
        if not decision.allowed:
            call.decision = decision
            action, target = asked[len(decisions) - 1]
            raise denial(caller, action, target, decisions[-1])
        return decision

    @idle
    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


def _asked(call: Call) -> tuple[tuple[str, Target], ...]:
    """Return what has to be allowed: the endpoint, and the version that it serves."""
    snapshot, caller, name = call.snapshot, call.principal, call.endpoint
    assert caller is not None
    deployment = call.served
    if deployment is not None and deployment.target.tenant == caller.tenant:
        return questions_of(deployment)
    found = endpoint_of(snapshot, caller, name)
    return ((INFER, found or nothing(caller, "Endpoint", name)),)


def _elsewhere(call: Call, asked: Questions, denied: Decisions) -> Asked:
    """Return what allows the call at another place of the version, or *denied*."""
    deployment, caller = call.served, call.principal
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
