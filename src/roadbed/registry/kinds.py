"""Models as a team declares them: one kind for hosted and for trained models."""

from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec

Who = Annotated[
    str,
    Field(
        pattern=rf"^((service-account|agent|role):{NAME}|(user|group):{NAME}/\S+)$",
        description="service-account:NAME, agent:NAME, role:NAME, "
        "user:PROVIDER/SUBJECT or group:PROVIDER/GROUP.",
        examples=["role:researcher"],
    ),
]
"""Whom a list of who may do something names."""


class Access(BaseModel):
    """Who may do what to model versions. A list that is absent restricts nothing.

    A list only takes away: whoever it names needs a role or a policy that permits
    the action as well. An empty list lets nobody.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    infer: list[Who] | None = Field(default=None, description="Be answered by it.")
    read: list[Who] | None = Field(default=None, description="See it.")
    retrain: list[Who] | None = Field(
        default=None, description="Train a new version out of it."
    )
    approve: list[Who] | None = Field(default=None, description="Vouch for it.")
    promote: list[Who] | None = Field(default=None, description="Pin it in production.")
    delete: list[Who] | None = Field(default=None, description="Withdraw it for good.")


class Context(BaseModel):
    """What the model may draw its answers from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    documents: str = Field(
        min_length=1,
        description="Folder of documents, relative to the file that names it.",
    )


class Hosted(BaseModel):
    """An upstream model behind a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(
        pattern=rf"^{NAME}$", description="Name of the Provider that runs it."
    )
    upstream: str = Field(
        min_length=1,
        description="The provider's own name of the model. A production endpoint "
        "needs a pinned one, not an alias that its owner may point elsewhere.",
    )
    prompt: str = Field(
        default="", description="System prompt that is put before every conversation."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Sampling parameters that are sent with every request.",
    )
    context: Context | None = Field(
        default=None, description="Documents that answers are drawn from, if any."
    )


class Trained(BaseModel):
    """A model that the team trains; its versions are registered by runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(
        pattern=rf"^{NAME}$", description="Name of the Provider that runs it."
    )
    datasets: list[Annotated[str, Field(pattern=rf"^{NAME}$")]] = Field(
        default_factory=list,
        description="The Datasets that it may be trained on. Each must allow all "
        "purposes of the model. Empty: whichever allow them.",
    )


class Card(BaseModel):
    """What people should know before they use the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str = Field(
        default="", max_length=2000, description="What it does, in a few sentences."
    )
    limitations: list[str] = Field(
        default_factory=list, description="Where it does not work, or not well."
    )
    intended_users: list[str] = Field(
        default_factory=list, description="Who is meant to use it."
    )
    ethics: list[str] = Field(
        default_factory=list, description="Whom it may harm, and what is done about it."
    )
    metrics: str = Field(
        default="",
        max_length=2000,
        description="How to read its metrics: on which data, and what they leave out.",
    )
    contact: str = Field(default="", max_length=200, description="Whom to ask.")


class Model(Spec):
    """A named model. What is declared here becomes an immutable, numbered version."""

    kind: ClassVar[str] = "Model"
    quiet: ClassVar[frozenset[str]] = frozenset({"card", "labels"})

    owner: str = Field(
        min_length=1, description="The team or person who answers for the model."
    )
    purposes: list[str] = Field(
        default_factory=list, description="What the model is meant for."
    )
    prohibited_purposes: list[str] = Field(
        default_factory=list, description="What the model must not be used for."
    )
    hosted: Hosted | None = Field(
        default=None, description="An upstream model behind a prompt."
    )
    trained: Trained | None = Field(
        default=None, description="A model of our own; runs register its versions."
    )
    access: Access | None = Field(
        default=None,
        description="Who may do what to its versions. Makes no new version.",
    )
    versions: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")], Access] = Field(
        default_factory=dict,
        description="Lists for single versions, by number: each takes the place of "
        "the list of `access` with the same name.",
    )
    card: Card = Field(
        default_factory=Card,
        description="What people should know before they use it. Makes no new version.",
    )
    labels: dict[
        Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")],
        dict[Annotated[str, Field(pattern=rf"^{NAME}$")], str],
    ] = Field(
        default_factory=dict,
        description="Labels of single versions, by number. Makes no new version.",
        examples=[{"3": {"cohort": "2026-q4"}}],
    )
    approvals: int = Field(
        default=0,
        ge=0,
        le=5,
        description="How many people must have approved a version before an endpoint "
        "in production may pin it: neither who made it nor who applies the pin.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "Model":
        if (self.hosted is None) == (self.trained is None):
            raise ValueError("a model is either hosted or trained: write exactly one")
        return self

    @property
    def provider(self) -> str:
        """Return the name of the provider that runs it."""
        body = self.hosted or self.trained
        assert body is not None
        return body.provider


class Deprecation(Spec):
    """A provider's announcement that it retires a model.

    It adds to the announcements that Roadbed knows of, or corrects one. `roadbed plan`
    and `roadbed doctor` warn of versions that are served and are about to be retired.
    """

    kind: ClassVar[str] = "Deprecation"

    provider: str = Field(
        pattern=rf"^{NAME}$", description="The type of the Provider, such as openai."
    )
    model: str = Field(
        min_length=1,
        max_length=200,
        description="The provider's own name of the model; * stands for anything.",
    )
    retires_on: str = Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="The last day, as 2026-03-26. It was postponed, or taken back: "
        "write the day that counts, or one that is far away.",
        examples=["2026-03-26"],
    )
    replacement: str = Field(
        default="", description="What to use instead, as the provider advises."
    )
    source: str = Field(default="", description="Where it was announced.")

    @field_validator("retires_on")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"there is no day {text}") from None
        return text
