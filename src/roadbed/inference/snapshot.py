"""What a replica serves: one immutable, compiled picture of the control state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Decision, Target

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

    def declares(self, action: str) -> bool:
        """Say whether a policy of the stack, not a built-in one, concerns *action*."""
        ...


class Directory(Protocol):
    """Knows what the stack says about whoever has proven who they are."""

    def find(self, subject: Any) -> Principal | None:
        """Return an `identity.directory.Subject` with its roles as they are now."""
        ...


class _Nobody:
    def find(self, subject: Any) -> Principal | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One immutable version of a model, named by the digest of its definition.

    `definition` is plain JSON: `{"hosted": {…}}` or `{"trained": {…}}`.
    """

    model: str
    number: int
    digest: str
    definition: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.model}@{self.number}"

    @property
    def kind(self) -> Literal["hosted", "trained"]:
        """Say whether it is an upstream model behind a prompt, or one we trained."""
        return "hosted" if "hosted" in self.definition else "trained"

    @property
    def body(self) -> Mapping[str, Any]:
        """The definition without the word that names its kind."""
        return self.definition[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one endpoint serves: the version, loaded, and the endpoint's terms.

    `runner` is an `inference.provider.Runner`; `attributes` is what policies read.
    """

    endpoint: str
    version: ModelVersion
    provider: str
    runner: Any
    stage: Literal["production", "development"] = "production"
    deadline_ms: int = 60_000
    ack: Ack = "durable"
    keep_payloads: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a call may need to know, swapped whole and never changed.

    `credentials` maps the digest of a key to the principal it proves;
    `broken` maps an endpoint that could not be loaded to the reason, and `unserved`
    those of them that serve nothing at all to what policies read of them.
    """

    revision: int
    digest: str
    authority: Authority
    credentials: Mapping[str, Principal]
    deployments: Mapping[str, Deployment]
    broken: Mapping[str, str] = field(default_factory=dict)
    unserved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    directory: Directory = field(default_factory=_Nobody)

    def readable(self, endpoint: str) -> Mapping[str, Any] | None:
        """Return what policies read of an endpoint, None if there is none."""
        found = self.deployments.get(endpoint)
        if found is not None:
            own = {"stage": found.stage, "model": found.version.model}
            return {**own, **found.attributes}
        absent = {} if endpoint in self.broken else None
        return self.unserved.get(endpoint, absent)

    def tenant_of(self, endpoint: str) -> str | None:
        """Return the tenant of an endpoint, None if there is none."""
        served = self.deployments.get(endpoint)
        found = served.attributes if served else self.readable(endpoint)
        return None if found is None else found.get("tenant", DEFAULT_TENANT)
