"""What somebody proved by showing a credential, whatever kind it was."""

from dataclasses import dataclass, field, replace

from roadbed.core.actor import Principal
from roadbed.core.errors import Unauthenticated
from roadbed.identity.directory import Directory, Subject

FRESH_US = 15 * 60 * 1_000_000
"""How long a proof of identity suffices for privileged acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whom a credential speaks of, and how far that carries.

    Times are microseconds since 1970: it ends at `expires_us`; its subject proved
    who it is at `authenticated_us`; the oldest credential that it descends from was
    made at `since_us`. `actors` act for the subject, the nearest first. `via` names
    what it descends from and ends with: `key:…`, `federation:…`, `jti:…`.
    """

    subject: Subject
    expires_us: int
    authenticated_us: int
    since_us: int
    methods: frozenset[str] = frozenset()
    scope: frozenset[str] | None = None
    actors: tuple[Subject, ...] = ()
    via: tuple[str, ...] = ()
    id: str = ""
    binding: str = field(default="", repr=False)

    @property
    def line(self) -> tuple[str, ...]:
        """Return what a token made from it descends from."""
        return (*self.via, f"jti:{self.id}") if self.id else self.via


def principal_of(proof: Proof, directory: Directory) -> Principal:
    """Return the principal that *proof* proves, with its rights as they are now.

    Raises Unauthenticated if it, or one who acts for it, is not declared any more.
    """
    found = [directory.find(subject) for subject in (proof.subject, *proof.actors)]
    known = [principal for principal in found if principal is not None]
    if len(known) != len(found):
        raise Unauthenticated(
            "whom the token speaks of is not known here, or not any more",
            hint="the stack declares accounts, agents and identity providers",
        )
    return replace(
        known[0],
        methods=proof.methods,
        scope=proof.scope,
        actors=tuple(known[1:]),
        credential=proof.id,
        expires_us=proof.expires_us,
        fresh_until_us=proof.authenticated_us + FRESH_US,
    )
