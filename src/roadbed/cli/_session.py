"""Open the line a command works on, as somebody who may use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import action_of

if TYPE_CHECKING:
    from roadbed.app import App, Gate
    from roadbed.core.actor import Principal
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

        target = Target(kind=kind, name=name)
        self.app.require(self.principal, action, target, self._gate)

    def may(self, action: str, kind: str, name: str) -> bool:
        """Say whether the action is allowed, without a record of the answer."""
        from roadbed.core.decision import Target

        target = Target(kind=kind, name=name)
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
        opened = Session(app, app.authenticate(key(), gate), gate)
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


def key() -> str:
    """Return the key from the environment, else the one that `login` kept."""
    from roadbed.settings import load

    return load().own_key()


def write_private(file: Path, text: str) -> None:
    """Write *text* to *file*, readable by its owner only, whole or not at all."""
    import os

    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(text + "\n")
    temporary.replace(file)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; where nobody can answer, insist on `--yes`."""
    import sys

    from roadbed.core.errors import Invalid

    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid("nobody is here to confirm", hint="add --yes to go ahead")
    click.confirm(question, abort=True, err=True)
