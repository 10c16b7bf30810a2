"""What a team declares about identity: who may prove to be whom, and how."""

from typing import Annotated, ClassVar

from pydantic import Field

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec
from roadbed.core.secret import SecretRef

RoleName = Annotated[
    str,
    Field(
        pattern=rf"^{NAME}$",
        description="A built-in role, or one that the stack declares.",
        examples=["viewer", "app"],
    ),
]
"""The name of a role; `roadbed plan` refuses one that is neither built in nor
declared."""
Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""The name of a region, such as eu-west."""


Issuer = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s#?]+$",
        description="The issuer, exactly as its tokens name it. Without TLS only on "
        "hosts that ROADBED_PRIVATE_HOSTS names.",
        examples=["https://login.example.com"],
    ),
]
SubjectName = Annotated[
    str,
    Field(
        pattern=rf"^((service-account|agent):{NAME}|(user|group):{NAME}/\S+)$",
        description="service-account:NAME, agent:NAME, user:PROVIDER/SUBJECT or "
        "group:PROVIDER/GROUP.",
        examples=["group:company/engineering"],
    ),
]


class ServiceAccount(Spec):
    """Something that acts under a name of its own: an application, a job.

    It proves itself by federation (a Federation names it), or, where `keys` allows
    them, with keys that are made apart from it, are shown once, and expire.
    """

    kind: ClassVar[str] = "ServiceAccount"

    roles: list[RoleName] = Field(
        default_factory=list,
        description="What it may do. A policy may give or take more.",
    )
    keys: bool = Field(
        default=False,
        description="Whether it may have keys: long-lived secrets, for where "
        "federation is out of reach. Taking this away ends the keys it has.",
    )
    residency: list[Region] = Field(
        default_factory=list,
        description="The only regions in which what it sends may be processed. "
        "Empty: wherever the endpoint allows.",
    )


class Agent(Spec):
    """Software that acts for people, by its own judgement: it can do less than they.

    Whatever it does for somebody must be allowed to both, and be in its mandate.
    """

    kind: ClassVar[str] = "Agent"

    owner: str = Field(
        min_length=1, description="The team or person who answers for what it does."
    )
    roles: list[RoleName] = Field(
        default_factory=list, description="What it may do, within its mandate."
    )
    mandate: list[str] = Field(
        default_factory=list,
        description="The actions it was given, such as endpoint.infer. Empty: none.",
    )
    residency: list[Region] = Field(
        default_factory=list,
        description="The only regions in which what it sends may be processed.",
    )


class IdentityProvider(Spec):
    """Where people sign in: an OpenID Connect provider of the company.

    A person is the issuer's subject, never an e-mail address. What people may do is
    said by Bindings, for groups or for single persons.
    """

    kind: ClassVar[str] = "IdentityProvider"

    issuer: Issuer
    client_id: str = Field(
        min_length=1, description="Our client there, for the console: code with PKCE."
    )
    client_secret: SecretRef | None = Field(
        default=None, description="Where the client's secret is, if it has one."
    )
    device_client_id: str = Field(
        default="",
        description="Our client for `roadbed login`: the device flow, without a "
        "secret. Empty: people use the console only.",
    )
    scopes: list[str] = Field(
        default_factory=lambda: ["openid", "profile"],
        description="What is asked for at sign-in.",
    )
    groups_claim: str = Field(
        default="groups", description="The claim of the ID token with the groups."
    )


class Federation(Spec):
    """A rule by which tokens of another issuer prove to be a declared account.

    Every claim must have exactly the value written here. Name what cannot be taken
    over by somebody else: ids, not names that can be given away.
    """

    kind: ClassVar[str] = "Federation"

    issuer: Issuer
    audience: str = Field(
        min_length=1, description="The audience that the tokens must be made for."
    )
    claims: dict[str, str | int | bool] = Field(
        min_length=1,
        description="Claims and their values. A name that begins with / is a JSON "
        "Pointer, such as /kubernetes.io/serviceaccount/uid.",
    )
    account: str = Field(
        pattern=rf"^((service-account|agent):)?{NAME}$",
        description="Whom they prove to be: agent:NAME, or service-account:NAME, for "
        "which NAME alone is enough.",
        examples=["ci", "agent:triage"],
    )


class Binding(Spec):
    """Who holds which roles, besides those that an account declares itself."""

    kind: ClassVar[str] = "Binding"

    roles: list[RoleName] = Field(min_length=1, description="The roles that they hold.")
    subjects: list[SubjectName] = Field(min_length=1, description="Who holds them.")
