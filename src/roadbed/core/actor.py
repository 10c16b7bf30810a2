"""Who acts: a service account, a person, an agent, or Roadbed itself."""

from dataclasses import dataclass, field

DEFAULT_TENANT = "default"
"""The tenant of whatever names none: the platform's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A proven identity and what is known about it.

    `kind` is `service-account`, `user`, `agent` or `system`. `name` is a name that
    the stack declares, or, for a user, `issuer#subject`: never an e-mail address.
    Times are microseconds since 1970: the credential stops working at `expires_us`,
    and suffices for privileged acts until `fresh_until_us`. `scope` holds the actions
    that the credential is good for (None: all that its holder may do), `mandate` those
    that an agent was given, `residency` the regions in which its data may be
    processed (empty: any). `actors` act for this principal, the nearest first:
    whatever is allowed must be allowed to each of them too.
    """

    kind: str
    name: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    tenant: str = DEFAULT_TENANT
    residency: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    scope: frozenset[str] | None = None
    mandate: frozenset[str] | None = None
    actors: tuple["Principal", ...] = ()
    credential: str = ""
    expires_us: int = 0
    fresh_until_us: int = field(default=0, compare=False)
    title: str = field(default="", compare=False)
    digest: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def chain(self) -> str:
        """Return who acts for whom, as the log writes it: `user:a (agent:b)`."""
        acting = ", ".join(str(actor) for actor in self.actors)
        return f"{self} ({acting})" if acting else str(self)


SYSTEM = Principal(kind="system", name="roadbed")
"""Roadbed acting by itself: sealing, sequencing, adopting. Holds no roles."""
