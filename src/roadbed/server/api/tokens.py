"""Tokens that end before their time."""

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.targets import tokens_of
from roadbed.core.errors import Invalid
from roadbed.identity.revocations import revoke_subject, revoke_token
from roadbed.server.routes import Ask, Route


class ToRevoke(BaseModel):
    """One token, or all that a subject has: exactly one of the two."""

    model_config = ConfigDict(extra="forbid")

    token_id: str = Field(
        default="", max_length=512, description="The claim `jti` of the token."
    )
    subject: str = Field(
        default="",
        max_length=512,
        description="agent:NAME, service-account:NAME or user:ISSUER#SUBJECT.",
    )


class Ended(BaseModel):
    """What does not work any more, on any replica, within a second."""

    token_id: str
    subject: str
    revoked_us: int


def revoke(ask: Ask) -> Ended:
    """Make a token, or every token of a subject that was made until now, stop working.

    So does all that was exchanged for it. A subject that can still prove who it is
    gets new ones: take its account, its Federation or its key away first.
    """
    wanted: ToRevoke = ask.body
    if bool(wanted.token_id) == bool(wanted.subject):
        raise Invalid("name either a token_id or a subject")
    directory = ask.snapshot.directory
    ask.require("token.revoke", tokens_of(directory, wanted.subject or wanted.token_id))
    now_us = ask.services.now_us()
    with ask.services.database.write() as connection:
        if wanted.token_id:
            revoke_token(connection, wanted.token_id, now_us, revoked_by=ask.actor)
        else:
            revoke_subject(connection, wanted.subject, now_us, revoked_by=ask.actor)
    return Ended(token_id=wanted.token_id, subject=wanted.subject, revoked_us=now_us)


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/tokens/revoke",
        action="token.revoke",
        handler=revoke,
        summary="Make a token, or all of a subject's, stop working",
        answer=Ended,
        body=ToRevoke,
        tag="access",
    ),
)
