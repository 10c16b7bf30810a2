"""What access adds to the governed path: who is calling, and may they?"""

from collections.abc import Callable, Mapping
from typing import Any

from roadbed.access.authorize import denial
from roadbed.access.visible import endpoint_of, nothing
from roadbed.core.decision import Target
from roadbed.core.errors import Unauthenticated
from roadbed.identity.authenticate import authenticate
from roadbed.inference.call import Call, Outcome

INFER = "endpoint.infer"


class Authenticate:
    """Finds out who is calling, from the key and the snapshot's table of keys."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us

    def admit(self, call: Call) -> None:
        """Set `call.principal`, or raise Unauthenticated."""
        credentials = call.snapshot.credentials
        call.principal = authenticate(credentials, call.credential, self._now_us())

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""


class Authorize:
    """Asks the snapshot's policies whether the caller may infer on the endpoint."""

    def admit(self, call: Call) -> None:
        """Set `call.decision`, and raise Denied if it is no.

        An endpoint that does not exist is decided upon like one that does, and one
        of another tenant like one that does not, so nobody learns more from the
        answer than they may know.
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


def _attributes(call: Call) -> Mapping[str, Any]:
    """Return what policies read of the endpoint; of none, that it is the caller's."""
    assert call.principal is not None
    found = endpoint_of(call.snapshot, call.principal, call.endpoint)
    absent = nothing(call.principal, "Endpoint", call.endpoint)
    return (found or absent).attributes
