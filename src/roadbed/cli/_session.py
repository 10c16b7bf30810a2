"""Open the line a command works on, as somebody who may use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import action_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from roadbed.access.actions import Action
    from roadbed.access.visible import Viewer
    from roadbed.app import App, Gate
    from roadbed.core.actor import Principal
    from roadbed.core.decision import Target
    from roadbed.core.errors import NotFound
    from roadbed.evals.reports.store import Report
    from roadbed.identity.directory import Directory
    from roadbed.identity.keys import NewKey

    Find = Callable[["Session"], Target | None]

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

    @property
    def directory(self) -> "Directory":
        """Return what the stack says about whoever can prove who they are."""
        return self._gate.directory

    @property
    def viewer(self) -> "Viewer":
        """Return the principal as one who sees what the policies let them see."""
        return self.app.viewer(self.principal, self._gate)

    def enter(self, action: "Action", name: str, find: "Find | None") -> None:
        """Go on if the action is allowed on what *name* means; *find* finds it.

        Raises Denied, after it is on the audit log, and NotFound. What is of another
        tenant is not found, in the same words as what does not exist.
        """
        from roadbed.access.visible import nothing, whole
        from roadbed.core.decision import Target

        asked = Target(kind=action.kind, name=name)
        if find is None:
            self._require(action.name, whole(self.principal, action.kind), asked)
            return
        found = find(self) if self.viewer.might(action.name) else None
        target = found or nothing(self.principal, action.kind, name)
        self._require(action.name, target, asked)
        if found is None:
            raise _missing(action.kind, name)

    def look(self, action: "Action") -> None:
        """Go on if the action may be allowed on some of its kind: for a list."""
        from roadbed.access.visible import whole
        from roadbed.core.decision import Target

        if not self.viewer.might(action.name):
            asked = Target(kind=action.kind, name="*")
            self._require(action.name, whole(self.principal, action.kind), asked)

    def also(self, action: str, kind: str, name: str) -> None:
        """Go on if *action* is allowed on one more thing; raise Denied or NotFound."""
        from roadbed.access.visible import nothing
        from roadbed.core.decision import Target

        found = self.app.find(self.principal, kind, name)
        target = found or nothing(self.principal, kind, name)
        self._require(action, target, Target(kind=kind, name=name))
        if found is None:
            raise _missing(kind, name)

    def may_read(self, dataset: str) -> bool:
        """Say whether the principal may see the dataset called *dataset*."""
        from roadbed.access.visible import nothing

        found = self.app.find(self.principal, "Dataset", dataset)
        absent = nothing(self.principal, "Dataset", dataset)
        return self.viewer.may("dataset.read", found or absent)

    def may_see(self, report: "Report") -> bool:
        """Say whether the principal may see a report of an evaluation."""
        from roadbed.control.seen import may_see_report

        return may_see_report(self.viewer, report)

    def require_on(self, action: str, target: "Target") -> None:
        """Raise Denied, after it is on the audit log, unless it is allowed there."""
        self._require(action, target, target)

    def _require(self, action: str, target: "Target", asked: "Target") -> None:
        from roadbed.core.errors import Denied

        try:
            self.app.require(self.principal, action, target, self._gate, asked)
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

    def note(self, action: str, resource: str) -> None:
        """Leave on the audit log that this was done, where nothing else says so."""
        from roadbed.audit.entry import Entry

        self.app.audit.record(Entry(self.actor, action, resource))

    def create_key(self, account: str, lifetime_us: int) -> "NewKey":
        """Make a key for *account*, which must be declared."""
        from roadbed.control.accounts import make_key

        with (
            self.recorded("key.create", f"Key/{account}"),
            self.app.database.write() as connection,
        ):
            return make_key(connection, self.viewer, account, lifetime_us)


@contextmanager
def session(name: str = "*", *, sign: bool = True) -> Iterator[Session]:
    """Open the line, prove who acts, and require the command's action on *name*.

    Whatever the block appends to the audit log is signed when it ends, if *sign*.
    """
    from roadbed.access.visible import PLATFORM

    with _acting(sign=sign) as (opened, action):
        single = name != "*" and action.kind not in PLATFORM
        opened.enter(action, name, _finder(action.kind, name) if single else None)
        yield opened


@contextmanager
def account_session(account: str) -> Iterator[Session]:
    """Open the line for an action on the keys of *account*."""
    from roadbed.access.visible import nothing, own
    from roadbed.control.targets import find_account

    def find(opened: Session) -> "Target":
        with opened.app.database.read() as connection:
            found = find_account(connection, account)
        mine = own(opened.principal, found)
        return mine or nothing(opened.principal, "Key", account)

    with _acting() as (opened, action):
        opened.enter(action, account, find)
        yield opened


@contextmanager
def listing() -> Iterator[Session]:
    """Open the line for a list, of which the block shows what may be seen."""
    with _acting() as (opened, action):
        opened.look(action)
        yield opened


@contextmanager
def _acting(*, sign: bool = True) -> Iterator[tuple[Session, "Action"]]:
    from roadbed.access.actions import ACTIONS

    action = ACTIONS[action_of(click.get_current_context().command)]
    with line() as app:
        gate = app.gate()
        opened = Session(app, actor(app, gate), gate)
        try:
            yield opened, action
        finally:
            if sign:
                app.audit.checkpoint()


def _finder(kind: str, name: str) -> "Find":
    def find(opened: Session) -> "Target | None":
        return opened.app.find(opened.principal, kind, name)

    return find


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


def _missing(kind: str, name: str) -> "NotFound":
    from roadbed.core.errors import NotFound

    return NotFound(
        f"there is no {kind} {name[:80]!r}",
        hint="look at the name; what is listed is what you may see",
    )


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
