"""Verification: is all that a version or an answer was made of what it was?"""

from typing import Literal

from pydantic import BaseModel

from roadbed.control import seen
from roadbed.control.proof.link import Verified
from roadbed.server.api.calls import call_named
from roadbed.server.api.registry import version_named, version_ref
from roadbed.server.routes import Ask, Route

State = Literal["VERIFIED", "UNSEALED", "ERASED", "BROKEN"]


class LinkShown(BaseModel):
    """One hop: hashed again just now, and how it stands."""

    kind: str
    name: str
    state: State
    reason: str
    digest: str


class VerifiedShown(BaseModel):
    """Every hop, what was asked about first; `state` is that of the worst."""

    subject: str
    state: State
    links: list[LinkShown]


def verify_version(ask: Ask) -> VerifiedShown:
    """Verify a model version."""
    with ask.services.heavy.turn():
        found = ask.services.prover.version(version_ref(ask, "model"))
    return _shown(ask, found)


def verify_call(ask: Ask) -> VerifiedShown:
    """Verify an answer."""
    with ask.services.heavy.turn():
        found = ask.services.prover.call(ask.params["call"])
    return _shown(ask, found)


def _shown(ask: Ask, whole: Verified) -> VerifiedShown:
    with ask.services.database.read() as connection:
        found = seen.verified(ask.viewer, connection, whole)
    return VerifiedShown.model_validate(found.to_json())


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/models/{model}/versions/{number}/verification",
        action="version.read",
        handler=verify_version,
        summary="Verify a version and all that it was made of",
        answer=VerifiedShown,
        target="model",
        locate=version_named,
        tag="registry",
    ),
    Route(
        method="GET",
        path="/api/v1/calls/{call}/verification",
        action="call.read",
        handler=verify_call,
        summary="Verify an answer and all that it was made of",
        answer=VerifiedShown,
        target="call",
        locate=call_named,
        tag="calls",
    ),
)
