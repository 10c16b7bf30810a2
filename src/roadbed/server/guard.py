"""Who is asking, and may they? Asked before any handler of ours runs."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from roadbed.access.authorize import NOBODY, denial
from roadbed.access.visible import Viewer
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import RoadbedError, Unauthenticated
from roadbed.identity.authenticate import authenticate, is_token
from roadbed.identity.dpop import Possession
from roadbed.identity.tokens import credential_digest
from roadbed.inference.snapshot import Snapshot
from roadbed.server.denials import DenialWriter, entry_for, patiently


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants: an action, its target, and *where* they asked for it.

    `asked` is the target as they named it, which is all that they are told of it;
    by itself the target as it is found.
    """

    action: str
    target: Target
    where: str
    asked: Target | None = None

    @property
    def told(self) -> Target:
        """Return the target that a refusal speaks of."""
        return self.asked or self.target


class Guard:
    """Proves keys against a snapshot, decides, and writes every refusal down."""

    def __init__(
        self, denials: DenialWriter, now_us: Callable[[], int], base: str = ""
    ) -> None:
        self._denials = denials
        self._now_us = now_us
        self.possession = Possession(base, now_us)

    def knows(self, snapshot: Snapshot, token: str) -> bool:
        """Say whether *token* is a key of this snapshot, expired or not, or a token."""
        if is_token(token):
            with suppress(Unauthenticated):
                return bool(self.identify(snapshot, token))
            return False
        return bool(token) and credential_digest(token) in snapshot.credentials

    def identify(self, snapshot: Snapshot, token: str) -> Principal:
        """Return who holds *token*; raise Unauthenticated if nobody does now."""
        return authenticate(snapshot, token, self._now_us())

    async def enter(self, snapshot: Snapshot, token: str, request: Wanted) -> Principal:
        """Return who asks; raise Unauthenticated, after it has been written down."""
        try:
            return self.identify(snapshot, token)
        except Unauthenticated as error:
            await self.refuse(None, request, error)
            raise

    async def admit(self, snapshot: Snapshot, token: str, request: Wanted) -> Principal:
        """Return who asks, if they may have what they want.

        Raises Unauthenticated or Denied, after that has been written down.
        """
        principal = await self.enter(snapshot, token, request)
        await self.permit(snapshot, principal, request)
        return principal

    async def permit(
        self, snapshot: Snapshot, principal: Principal, request: Wanted
    ) -> None:
        """Go on only if *principal* may; else raise Denied, after it is on record."""
        decision = self.viewer(snapshot, principal).decide(
            request.action, request.target
        )
        if not decision.allowed:
            error = denial(principal, request.action, request.told, decision)
            await self.refuse(principal, request, error)
            raise error

    async def refuse(
        self, principal: Principal | None, request: Wanted, error: RoadbedError
    ) -> None:
        """Write down that *request* was refused, and why."""
        entry = entry_for(
            actor=principal.chain if principal else NOBODY,
            action=request.action,
            resource=str(request.told),
            reason=error.message,
            where=request.where,
        )
        await patiently(self._denials.put(entry))

    def viewer(self, snapshot: Snapshot, principal: Principal) -> Viewer:
        """Return *principal* as one who looks, by the policies of *snapshot*."""
        return Viewer(
            authority=snapshot.authority, principal=principal, now_us=self._now_us()
        )
