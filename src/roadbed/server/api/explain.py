"""Who can do what, and why: the answers of `roadbed access`."""

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.governance import explain
from roadbed.control.governance.explain import Answer
from roadbed.control.governance.rulebook import live_rulebook
from roadbed.server.routes import Ask, Route


class Can(BaseModel):
    """May they?"""

    model_config = ConfigDict(extra="forbid")

    who: str = Field(
        max_length=300,
        description="service-account:NAME, agent:NAME, user:PROVIDER/SUBJECT or "
        "group:PROVIDER/GROUP.",
    )
    action: str = Field(max_length=100, description="Such as endpoint.infer.")
    target: str = Field(
        default="*", max_length=200, description="Kind/name, or a name."
    )


class Which(BaseModel):
    """Who may?"""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(max_length=100, description="Such as endpoint.infer.")
    target: str = Field(
        default="*", max_length=200, description="Kind/name, or a name."
    )


class Answers(BaseModel):
    """Everybody that the stack names who may."""

    answers: list[Answer]


def can(ask: Ask) -> Answer:
    """Say whether somebody may do something."""
    wanted: Can = ask.query
    with ask.services.database.read() as connection:
        book = live_rulebook(connection)
        return explain.can(book, wanted.who, wanted.action, wanted.target)


def who(ask: Ask) -> Answers:
    """List who may do something."""
    wanted: Which = ask.query
    with ask.services.database.read() as connection:
        book = live_rulebook(connection)
        return Answers(answers=explain.who(book, wanted.action, wanted.target))


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/access/can",
        action="access.explain",
        handler=can,
        summary="May somebody do this to that, and why?",
        answer=Answer,
        query=Can,
        tag="access",
    ),
    Route(
        method="GET",
        path="/api/v1/access/who",
        action="access.explain",
        handler=who,
        summary="Who may do this to that, and why?",
        answer=Answers,
        query=Which,
        tag="access",
    ),
)
