"""Open the line a command works on, as somebody who may use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import action_of

if TYPE_CHECKING:
    from roadbed.app import App, Gate
    from roadbed.core.actor import Principal
    from roadbed.core.decision import Target
    from roadbed.identity.keys import NewKey

TOKEN_FILE = "bootstrap-token"


class Session:
    """An open line, the principal that the command acts as, and what it may do."""

    def __init__(self, app: "App", principal: "Principal", gate: "Gate") -> None:
        self.app = app
        self.principal = principal
        self._gate = gate

    @property
    def actor(self) -> str:
        """Return the principal's name, as the audit log writes it."""
        return str(self.principal)

    def require(self, action: str, kind: str, name: str) -> None:
        """Raise Denied, after it is on the audit log, unless the action is allowed."""
        from roadbed.core.decision import Target
        from roadbed.core.errors import Denied

        target = Target(kind=kind, name=name)
        try:
            self.app.require(self.principal, action, target, self._gate)
        except Denied as refusal:
            if not self._stale(action):
                raise
            raise Denied(
                refusal.message,
                hint="it takes a proof of who you are that is at most fifteen minutes "
                "old: run `roadbed login` again",
            ) from None

    def _stale(self, action: str) -> bool:
        from roadbed.access.actions import PRIVILEGED

        person = self.principal.kind == "user"
        old = self.principal.fresh_until_us <= self.app.now_us()
        return person and old and action in PRIVILEGED

    def require_on(self, action: str, target: "Target") -> None:
        """Raise Denied, after it is on the audit log, unless it is allowed there."""
        self.app.require(self.principal, action, target, self._gate)

    @contextmanager
    def recorded(self, action: str, target: str) -> Iterator[None]:
        """Put a refusal that comes out of the block on the audit log."""
        from roadbed.audit.entry import Entry
        from roadbed.core.errors import Denied

        try:
            yield
        except Denied as refusal:
            detail = {"reason": refusal.message}
            entry = Entry(self.actor, action, target, "denied", detail)
            self.app.audit.record(entry)
            raise

    def may(self, action: str, kind: str, name: str) -> bool:
        """Say whether the action is allowed, without a record of the answer."""
        from roadbed.core.decision import Target

        return self.may_on(action, Target(kind=kind, name=name))

    def may_on(self, action: str, target: "Target") -> bool:
        """Say whether the action is allowed there, without a record of the answer."""
        now_us = self.app.now_us()
        decision = self._gate.authority.decide(self.principal, action, target, now_us)
        return decision.allowed

    def note(self, action: str, resource: str) -> None:
        """Leave on the audit log that this was done, where nothing else says so."""
        from roadbed.audit.entry import Entry

        self.app.audit.record(Entry(self.actor, action, resource))

    def create_key(self, account: str, lifetime_us: int) -> "NewKey":
        """Make a key for *account*, which must be declared."""
        from roadbed.control.accounts import make_key

        with self.app.database.write() as connection:
            return make_key(
                connection,
                account,
                now_us=self.app.now_us(),
                lifetime_us=lifetime_us,
                created_by=self.actor,
            )


@contextmanager
def session(name: str = "*", *, sign: bool = True) -> Iterator[Session]:
    """Open the line, prove who acts, and require the command's action on *name*.

    Whatever the block appends to the audit log is signed when it ends, if *sign*.
    """
    from roadbed.access.actions import ACTIONS

    action = ACTIONS[action_of(click.get_current_context().command)]
    with line() as app:
        gate = app.gate()
        opened = Session(app, actor(app, gate), gate)
        try:
            opened.require(action.name, action.kind, name)
            yield opened
        finally:
            if sign:
                app.audit.checkpoint()


@contextmanager
def line() -> Iterator["App"]:
    """Open the line as nobody in particular; NotFound if `roadbed init` never ran."""
    from roadbed.app import open_app
    from roadbed.settings import load

    app = open_app(load())
    try:
        yield app
    finally:
        app.close()


def actor(app: "App", gate: "Gate") -> "Principal":
    """Return who acts: by the key in the environment, as the person who logged in,
    or by the key that `login` kept. Raises Unauthenticated if that is nobody.
    """
    from roadbed.cli._person import prove, recall

    settings = app.settings
    kept = None if settings.key else recall(settings.state)
    if kept is not None:
        return prove(app, gate, kept)
    return app.authenticate(settings.own_key(), gate)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; where nobody can answer, insist on `--yes`."""
    import sys

    from roadbed.core.errors import Invalid

    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid("nobody is here to confirm", hint="add --yes to go ahead")
    click.confirm(question, abort=True, err=True)
