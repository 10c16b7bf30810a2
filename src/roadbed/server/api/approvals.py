"""Vouch for model versions, and withdraw them."""

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.withdraw import withdraw_version
from roadbed.registry.approvals import Approval, Withdrawal, approve, list_approvals
from roadbed.server.api.registry import version_named, version_ref
from roadbed.server.routes import Ask, Route


class Reasoned(BaseModel):
    """Why somebody does it, in their own words."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500, description="Why, for the log.")


class Approvals(BaseModel):
    """Who vouched for a version, oldest first."""

    approvals: list[Approval]


def list_(ask: Ask) -> Approvals:
    """List the approvals of a version."""
    ref = version_ref(ask, "model")
    with ask.services.database.read() as connection:
        return Approvals(approvals=list_approvals(connection, ref))


def vouch(ask: Ask) -> Approval:
    """Vouch for a version, in the caller's name."""
    ref = version_ref(ask, "model")
    with ask.services.database.write() as connection:
        now_us, reason = ask.services.now_us(), ask.body.reason
        return approve(connection, ref, ask.actor, reason, now_us)


def end(ask: Ask) -> Withdrawal:
    """Withdraw a version that no endpoint pins."""
    ref = version_ref(ask, "model")
    with ask.services.database.write() as connection:
        now_us, reason = ask.services.now_us(), ask.body.reason
        return withdraw_version(connection, ref, ask.actor, reason, now_us)


_VERSION = "/api/v1/models/{model}/versions/{number}"
ROUTES = (
    Route(
        method="GET",
        path=f"{_VERSION}/approvals",
        action="version.read",
        handler=list_,
        summary="List who approved a version",
        answer=Approvals,
        target="model",
        locate=version_named,
        tag="registry",
    ),
    Route(
        method="POST",
        path=f"{_VERSION}/approvals",
        action="version.approve",
        handler=vouch,
        summary="Approve a version that somebody else made",
        answer=Approval,
        body=Reasoned,
        status=201,
        target="model",
        locate=version_named,
        tag="registry",
    ),
    Route(
        method="POST",
        path=f"{_VERSION}/withdrawal",
        action="version.delete",
        handler=end,
        summary="Withdraw a version for good",
        answer=Withdrawal,
        body=Reasoned,
        status=201,
        target="model",
        locate=version_named,
        tag="registry",
    ),
)
