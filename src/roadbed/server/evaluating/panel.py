"""Who judges calls of production, and what they may ask: as a declared account."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from roadbed.app import App
from roadbed.control.directory import directory_of
from roadbed.control.evaluations import served_in
from roadbed.control.preview import Preview
from roadbed.control.state import State, current
from roadbed.core.actor import Principal
from roadbed.core.errors import NotFound
from roadbed.evals.asking import Ask
from roadbed.evals.grading import Means
from roadbed.evals.online import MARK, Live
from roadbed.evals.running.judges import Judge, judges_of
from roadbed.identity.directory import Subject
from roadbed.server.evaluating.inside import Inside
from roadbed.server.evaluating.marked import Marked


class Nobody:
    """The means of graders that ask nobody."""

    def ask(self, endpoint: str) -> Ask:
        """Raise NotFound: nobody is declared as who asks."""
        raise NotFound(
            f"the judge {endpoint!r} cannot be asked online",
            hint="write the service account that asks: `account` under `online`",
        )


class DeclaredPanel:
    """The graders of an evaluation as it is declared; see `evals.online.Panel`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def judges(self, live: Live) -> Sequence[Judge]:
        """Return the graders under the digests that they have offline."""
        spec, online = live.spec, live.spec.online
        wanted = online.graders if online else []
        uses = [use for use in spec.graders if not wanted or use.name in wanted]
        served = served_in(Preview(live=self._state()))
        found = judges_of(spec.model_copy(update={"graders": uses}), served)
        return [judge for judge in found if judge.each]

    @asynccontextmanager
    async def means(self, live: Live) -> AsyncIterator[Means]:
        """Open the governed path as the evaluation's account, if it names one."""
        account = live.spec.online.account if live.spec.online else ""
        if not account:
            yield Nobody()
            return
        state = await asyncio.to_thread(self._state)
        principal = account_of(state, account, live.tenant)
        async with Inside(self._app, principal, Preview(live=state)) as inside:
            yield Marked(inside, {MARK: live.name})

    def _state(self) -> State:
        with self._app.database.read() as connection:
            return current(connection)


def account_of(state: State, account: str, tenant: str) -> Principal:
    """Return who the account is that asks for an evaluation of *tenant*.

    Raises NotFound if there is none there.
    """
    subject = Subject(kind="service-account", name=account)
    found = directory_of(state).find(subject)
    if found is None or found.tenant != tenant:
        raise NotFound(f"there is no service account {account!r}")
    return found
