"""Sessions in the control database, and decisions by the policies served now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from roadbed.console.session import Opened
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.secret import Secret
from roadbed.database.engine import Database
from roadbed.identity.authenticate import authenticate
from roadbed.identity.sessions import (
    LIFETIME_US,
    PersonSession,
    end_session,
    find_session,
    open_session,
)
from roadbed.inference.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSessions:
    """A `SessionStore` in the control database.

    A session's roles are those its account or person has now, not those at sign-in.
    """

    database: Database
    snapshot: Callable[[], Snapshot]
    now_us: Callable[[], int]

    def open(self, key: Secret) -> Opened:
        """Exchange a key for a session; raise Unauthenticated."""
        now_us = self.now_us()
        principal = authenticate(self.snapshot(), key.reveal(), now_us)
        with self.database.write() as connection:
            token = open_session(connection, principal, now_us)
        ends_us = min(now_us + LIFETIME_US, principal.expires_us)
        return Opened(token=token, seconds=max(1, (ends_us - now_us) // 1_000_000))

    def find(self, token: Secret) -> Principal | None:
        """Return who holds the session now, None if it ended."""
        with self.database.read() as connection:
            session = find_session(connection, token.reveal(), self.now_us())
        if session is None:
            return None
        if isinstance(session, PersonSession):
            return self._person(session)
        return self.snapshot().credentials.get(session.key_digest)

    def end(self, token: Secret) -> None:
        """End the session, if there is one."""
        with self.database.write() as connection:
            end_session(connection, token.reveal(), self.now_us())

    def _person(self, session: PersonSession) -> Principal | None:
        found = self.snapshot().directory.find(session.subject)
        return found and replace(
            found,
            methods=session.methods,
            expires_us=session.expires_us,
            fresh_until_us=session.fresh_until_us,
            digest=session.digest,
        )


@dataclass(frozen=True, slots=True)
class LiveAuthority:
    """An `Authority` that decides by the policies that this process serves now."""

    snapshot: Callable[[], Snapshot]
    now_us: Callable[[], int]

    @property
    def digest(self) -> str:
        """Return the name of the policies."""
        return self.snapshot().authority.digest

    def decide(
        self, principal: Principal, action: str, target: Target, now_us: int = 0
    ) -> Decision:
        """Return the decision; nothing is recorded."""
        authority = self.snapshot().authority
        return authority.decide(principal, action, target, now_us or self.now_us())

    def decide_all(
        self,
        principal: Principal,
        asked: Sequence[tuple[str, Target]],
        now_us: int = 0,
    ) -> tuple[Decision, ...]:
        """Decide each of *asked*, up to the first denial; nothing is recorded."""
        authority = self.snapshot().authority
        return authority.decide_all(principal, asked, now_us or self.now_us())

    def declares(self, action: str) -> bool:
        """Say whether a declared policy concerns *action*."""
        return self.snapshot().authority.declares(action)
