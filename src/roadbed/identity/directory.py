"""The directory: what the stack says about whoever has proven who they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from roadbed.core.actor import DEFAULT_TENANT, Principal

Kind = Literal["service-account", "agent", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who a credential speaks of.

    `name` is a declared name or, for a user, the issuer's own name of the person;
    `groups` are the issuer's names of the person's groups; `title` is for people to
    read and proves nothing.
    """

    kind: Kind
    name: str
    issuer: str = ""
    groups: frozenset[str] = frozenset()
    title: str = ""

    def __str__(self) -> str:
        name = f"{self.issuer}#{self.name}" if self.kind == "user" else self.name
        return f"{self.kind}:{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is declared of one service account or agent.

    `mandate` is what an agent was given to do; None for whatever is no agent.
    """

    roles: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    tenant: str = DEFAULT_TENANT
    residency: frozenset[str] = frozenset()
    mandate: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """An identity provider for people: its declared name, whose they are, our clients.

    `client_secret` is the reference of a secret, empty if the client has none;
    without a `device_client_id` people use the console only.
    """

    name: str
    tenant: str = DEFAULT_TENANT
    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    device_client_id: str = ""
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Accounts and agents by name, providers by issuer, and who is bound to what.

    `bindings` maps `user:provider/subject`, `group:provider/group`,
    `service-account:name` or `agent:name` to the roles bound to it.
    """

    accounts: Mapping[str, Known] = field(default_factory=dict)
    agents: Mapping[str, Known] = field(default_factory=dict)
    companies: Mapping[str, Company] = field(default_factory=dict)
    bindings: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def company(self, name: str) -> Company | None:
        """Return the identity provider that is declared as *name*, or None."""
        found = [c for c in self.companies.values() if c.name == name]
        return found[0] if found else None

    def find(self, subject: Subject) -> Principal | None:
        """Return *subject* with its roles as they are now, None if nobody knows it."""
        if subject.kind == "user":
            return self._person(subject)
        known = self._all(subject.kind).get(subject.name)
        if known is None:
            return None
        return Principal(
            kind=subject.kind,
            name=subject.name,
            roles=known.roles | self._bound([str(subject)]),
            labels=tuple(sorted(known.labels.items())),
            tenant=known.tenant,
            residency=known.residency,
            mandate=known.mandate,
        )

    def _all(self, kind: Kind) -> Mapping[str, Known]:
        return self.agents if kind == "agent" else self.accounts

    def _person(self, subject: Subject) -> Principal | None:
        company = self.companies.get(subject.issuer)
        if company is None:
            return None
        groups = frozenset(f"{company.name}/{group}" for group in subject.groups)
        names = [f"user:{company.name}/{subject.name}", *(f"group:{g}" for g in groups)]
        return Principal(
            kind="user",
            name=f"{subject.issuer}#{subject.name}",
            roles=self._bound(names),
            groups=groups,
            tenant=company.tenant,
            title=subject.title,
        )

    def _bound(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset[str]().union(*(self.bindings.get(name, ()) for name in names))


NOBODY_KNOWN = Directory()
"""The directory of a stack that declares nobody."""
