"""The directory: what the stack says about whoever has proven who they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.digest import digest_of, short

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


def read_subject(text: str) -> Subject | None:
    """Return the subject that *text* spells as `str` does, None if it spells none."""
    kind, _, name = text.partition(":")
    if kind == "user":
        issuer, mark, own = name.partition("#")
        known = bool(issuer and mark and own)
        return Subject(kind="user", name=own, issuer=issuer) if known else None
    if kind == "agent" and name:
        return Subject(kind="agent", name=name)
    if kind == "service-account" and name:
        return Subject(kind="service-account", name=name)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A Federation: tokens of `issuer` for `audience` with `claims` prove `subject`."""

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str | int | bool]
    subject: Subject

    @property
    def id(self) -> str:
        """Return its name and what it says now, as one short text."""
        said = {
            "issuer": self.issuer,
            "audience": self.audience,
            "claims": dict(self.claims),
            "subject": str(self.subject),
        }
        return f"{self.name}@{short(digest_of(said))}"


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
    `service-account:name` or `agent:name` to the roles bound to it. `rules` say which
    tokens of other issuers prove to be which account or agent.
    """

    accounts: Mapping[str, Known] = field(default_factory=dict)
    agents: Mapping[str, Known] = field(default_factory=dict)
    companies: Mapping[str, Company] = field(default_factory=dict)
    bindings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

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
