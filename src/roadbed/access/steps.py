"""What access adds to the governed path: who is calling, and may they?"""

from collections.abc import Callable
from typing import Any

from roadbed.access.authorize import denial
from roadbed.core.decision import Target
from roadbed.core.errors import Unauthenticated
from roadbed.identity.authenticate import authenticate
from roadbed.inference.call import Call, Outcome

INFER = "endpoint.infer"


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
    """Asks the snapshot's policies whether the caller may infer on the endpoint."""

    def admit(self, call: Call) -> None:
        """Set `call.decision`, and raise Denied if it is no.

        An endpoint that does not exist is decided upon like one that does, so
        nobody learns more from the answer than they may know.
        """
        if call.principal is None:
            raise Unauthenticated("no step found out who is calling")
        target = Target(
            kind="Endpoint", name=call.endpoint, attributes=_attributes(call)
        )
        authority = call.snapshot.authority
        call.decision = authority.decide(call.principal, INFER, target)
        if not call.decision.allowed:
            raise denial(call.principal, INFER, target, call.decision)

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


def _attributes(call: Call) -> dict[str, Any]:
    deployment = call.snapshot.deployments.get(call.endpoint)
    if deployment is None:
        return {}
    return {
        "stage": deployment.stage,
        "model": deployment.version.model,
        **deployment.attributes,
    }
