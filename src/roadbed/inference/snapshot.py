"""What a replica serves: one immutable, compiled picture of the control state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import Unauthenticated
from roadbed.inference.terms import Terms

Ack = Literal["durable", "spool"]


class Authority(Protocol):
    """Decides from compiled policies, without I/O."""

    @property
    def digest(self) -> str:
        """Return the name of the policies."""
        ...

    def decide(
        self, principal: Principal, action: str, target: Target, now_us: int = 0
    ) -> Decision:
        """Return the decision and its reasons; anything unclear is a denial.

        *now_us* tells whether a privileged act comes soon enough after its actor
        was authenticated; without it, none does.
        """
        ...

    def decide_all(
        self,
        principal: Principal,
        asked: Sequence[tuple[str, Target]],
        now_us: int = 0,
    ) -> tuple[Decision, ...]:
        """Decide each of *asked*, an action and its target, up to the first denial."""
        ...

    def declares(self, action: str) -> bool:
        """Say whether a policy of the stack, not a built-in one, concerns *action*."""
        ...


class Directory(Protocol):
    """Knows what the stack says about whoever has proven who they are."""

    def find(self, subject: Any) -> Principal | None:
        """Return an `identity.directory.Subject` with its roles as they are now."""
        ...

    @property
    def companies(self) -> Mapping[str, Any]:
        """The identity providers for people, by their issuers."""
        ...


class _Nobody:
    companies: Mapping[str, Any] = MappingProxyType({})

    def find(self, subject: Any) -> Principal | None:
        return None


class Tokens(Protocol):
    """Knows which of our own access tokens prove what, without I/O."""

    @property
    def directory(self) -> Any:
        """The `identity.directory.Directory` by which they are judged."""
        ...

    @property
    def revoked(self) -> Any:
        """The `identity.revocations.Revoked` that they are held to."""
        ...

    def authenticate(self, token: str, now_us: int) -> Principal:
        """Return the principal that *token* proves; raise Unauthenticated."""
        ...

    def published(self, now_us: int) -> dict[str, Any]:
        """Return the JWK Set of the keys that verify them."""
        ...

    def prove(self, token: str, now_us: int) -> Any:
        """Return the `identity.proof.Proof` that *token* is; raise Unauthenticated."""
        ...


class _NoTokens:
    directory: Any = None
    revoked: Any = None

    def published(self, now_us: int) -> dict[str, Any]:
        return {"keys": []}

    def prove(self, token: str, now_us: int) -> Any:
        return self.authenticate(token, now_us)

    def authenticate(self, token: str, now_us: int) -> Principal:
        raise Unauthenticated("no access tokens are taken here")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One immutable version of a model, named by the digest of its definition.

    `definition` is plain JSON: `{"hosted": {…}}`, `{"trained": {…}}`, or
    `{"tracked": {…}}` for files that a tracking client registered.
    """

    model: str
    number: int
    digest: str
    definition: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.model}@{self.number}"

    @property
    def kind(self) -> Literal["hosted", "trained", "tracked"]:
        """Say whether it is an upstream model behind a prompt, or one we trained.

        Of a `tracked` one there are files, and nothing here can serve them.
        """
        if "tracked" in self.definition:
            return "tracked"
        return "hosted" if "hosted" in self.definition else "trained"

    @property
    def body(self) -> Mapping[str, Any]:
        """The definition without the word that names its kind."""
        return self.definition[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One place that a version is asked at; `runner` was opened there.

    `name` tells it from the provider's other places, empty if there is one; `prices` is
    what it costs, if that is known.
    """

    runner: Any
    provider: str
    name: str = ""
    region: str = ""
    weight: int = 1
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    prices: Any = None

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}" if self.name else self.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A version that an endpoint may answer by, and the places that it is asked at.

    There is at least one. `attributes` is what policies read of the version; a `target`
    for each upstream is made of it once. `name` is the version's.
    """

    version: ModelVersion
    upstreams: tuple[Upstream, ...]
    balance: Literal["weighted", "least-loaded", "latency"] = "weighted"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Write the name once: every call needs it."""
        object.__setattr__(self, "name", str(self.version))

    @classmethod
    def at(
        cls,
        version: ModelVersion,
        runner: Any,
        provider: str,
        attributes: Mapping[str, Any] | None = None,
    ) -> "Choice":
        """Return *version*, asked at the one place where *runner* was opened."""
        place = Upstream(runner=runner, provider=provider)
        return cls(version=version, upstreams=(place,), attributes=attributes or {})


Unit = Literal["principal", "user", "session", "call"]
"""Who is assigned as a whole to one of two versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """A rollout under way, as a replica needs it: who gets the newer version.

    `weight` of 10,000 units get `newer`, by their bucket under `salt`. With `labels` or
    `accounts`, only callers that have all of the one or are one of the other are
    assigned, and everybody else stays with the older version. With `early` too, they
    were the first and keep that share, and everybody else is assigned. `mirrored` of
    10,000 calls are put to `newer` too, after they were answered. `slow_ms` is from
    where on a call counts as slow, 0 for never.
    """

    rollout: str
    salt: str
    newer: "Deployment"
    weight: int = 0
    unit: Unit = "principal"
    labels: tuple[tuple[str, str], ...] = ()
    accounts: tuple[str, ...] = ()
    early: int = 0
    mirrored: int = 0
    mirror_nano: int = 0
    slow_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one endpoint serves: the version, loaded, and the endpoint's terms.

    `choices` are the version it serves and then its fallbacks, in order; `smaller` are
    those that `terms.degrade` names. `version` is that of the first choice; `runner`,
    `provider` and `region` are its first place, and `version_attributes` what policies
    read of it: who may use it. `attributes` is what they read of the endpoint besides.
    `target` and `version_target` are made of all that once, ready to be decided upon.
    `arms` says who is answered by a newer version instead, while one takes over.
    """

    endpoint: str
    choices: tuple[Choice, ...]
    stage: Literal["production", "development"] = "production"
    deadline_ms: int = 60_000
    ack: Ack = "durable"
    keep_payloads: bool = True
    terms: Terms = field(default_factory=Terms)
    smaller: Mapping[str, Choice] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    arms: Arms | None = None
    version: ModelVersion = field(init=False)
    provider: str = field(init=False)
    runner: Any = field(init=False)
    region: str = field(init=False)
    version_attributes: Mapping[str, Any] = field(init=False)
    target: Target = field(init=False)
    version_target: Target = field(init=False)

    def __post_init__(self) -> None:
        """Take over what the first choice says, and make the targets of it."""
        first = self.choices[0]
        place = first.upstreams[0]
        # Names of their own where the terms are frozen: set once, here.
        put = object.__setattr__
        put(self, "version", first.version)
        put(self, "provider", place.provider)
        put(self, "runner", place.runner)
        put(self, "region", place.region)
        put(self, "version_attributes", first.attributes)
        both = {"stage": self.stage, "provider": self.provider}
        if self.region:
            both["region"] = self.region
        own = {**both, **self.attributes, "model": self.version.model}
        put(self, "target", Target.fixed("Endpoint", self.endpoint, own))
        put(self, "version_target", self.target_of(first, self.region))

    @property
    def loaded(self) -> tuple[Choice, ...]:
        """Return all that may answer here: of a newer version, too."""
        own = (*self.choices, *self.smaller.values())
        return own + self.arms.newer.loaded if self.arms else own

    def target_of(self, choice: Choice, region: str) -> Target:
        """Return *choice*, processed in *region*, as what a call is decided upon."""
        version = choice.version
        own = {
            "endpoint": self.endpoint,
            "stage": self.stage,
            "model": version.model,
            "provider": str(version.body.get("provider", self.provider)),
            **({"region": region} if region else {}),
            **choice.attributes,
        }
        if "residency" in self.attributes:
            own["residency"] = self.attributes["residency"]
        name = f"{version.model}@{version.number}"
        return Target.fixed("ModelVersion", name, own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a call may need to know, swapped whole and never changed.

    `credentials` maps the digest of a key to the principal it proves, `tokens` does
    the same for access tokens; `broken` maps an endpoint that could not be loaded to
    the reason, and `unserved` those of them that serve nothing at all to what
    policies read of them; `impaired` are endpoints that lack something to fall back on.
    `unready` maps a rollout whose newer version could not be loaded to the reason,
    `loading` endpoints that wait for a version to that; they are not broken.
    `budgets` and `limits` are the rules of `gateway.money` that calls are held to.
    """

    revision: int
    digest: str
    authority: Authority
    credentials: Mapping[str, Principal]
    deployments: Mapping[str, Deployment]
    broken: Mapping[str, str] = field(default_factory=dict)
    unserved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    impaired: Mapping[str, str] = field(default_factory=dict)
    unready: Mapping[str, str] = field(default_factory=dict)
    loading: Mapping[str, str] = field(default_factory=dict)
    budgets: Sequence[Any] = ()
    limits: Sequence[Any] = ()
    directory: Directory = field(default_factory=_Nobody)
    tokens: Tokens = field(default_factory=_NoTokens)

    def readable(self, endpoint: str) -> Mapping[str, Any] | None:
        """Return what policies read of an endpoint, None if there is none.

        That is what is declared, wherever it is asked: who answers is read only to
        decide upon a call.
        """
        found = self.deployments.get(endpoint)
        if found is not None:
            return found.attributes
        absent = {} if endpoint in self.broken else None
        return self.unserved.get(endpoint, absent)

    def tenant_of(self, endpoint: str) -> str | None:
        """Return the tenant of an endpoint, None if there is none."""
        served = self.deployments.get(endpoint)
        found = served.attributes if served else self.readable(endpoint)
        return None if found is None else found.get("tenant", DEFAULT_TENANT)
