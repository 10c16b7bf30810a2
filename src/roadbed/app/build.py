"""Where ports meet adapters: settings in, a frozen App out."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import roadbed.adapters.secrets
import roadbed.adapters.signers
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.code.git import GitCode
from roadbed.adapters.copies.folder import FolderCopies
from roadbed.adapters.copies.git import GitCopies
from roadbed.adapters.copies.objectstore import ObjectStoreCopies, open_store
from roadbed.adapters.copies.webhook import WebhookCopies
from roadbed.adapters.history.duckdb import DuckDBHistory, HistoryAside
from roadbed.adapters.secrets._resolver import Resolver
from roadbed.adapters.tables.duckdb import DuckdbTables, TablesAside
from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.app.catalog import Installed
from roadbed.app.whole import App, audit_folder
from roadbed.audit.log import AuditLog
from roadbed.audit.signer import Signer
from roadbed.control.desk import Desk
from roadbed.control.genesis import genesis
from roadbed.control.proof.prover import Prover
from roadbed.control.state import current_resources
from roadbed.control.token_service import TokenService
from roadbed.core import plugins
from roadbed.core.clock import Clock, SystemClock, to_us
from roadbed.core.errors import (
    Corrupt,
    Invalid,
    NotFound,
)
from roadbed.core.secret import Secret
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database, open_database
from roadbed.database.migrate import migrate
from roadbed.gateway.calls import CallLog
from roadbed.gateway.money.aside import PublishedAside
from roadbed.gateway.money.published import published
from roadbed.gateway.seal import Sealer
from roadbed.identity.issuers import Issuers
from roadbed.identity.keys import create_bootstrap
from roadbed.identity.relying import RelyingParty
from roadbed.identity.signing import Signing
from roadbed.ports.copies import Copies
from roadbed.ports.secrets import Secrets, SecretSource
from roadbed.ports.signers import Signers
from roadbed.ports.web import Web
from roadbed.registry.proof.notary import Notary
from roadbed.registry.runs import Runs
from roadbed.registry.versions import ON_VERSION
from roadbed.settings import Settings

SECRETS = "roadbed.secrets"
SIGNERS = "roadbed.signers"


def open_app(
    settings: Settings, clock: Clock | None = None, *, serving: bool = False
) -> App:
    """Open the line that *settings* describe; NotFound if there is none.

    Brings the database to this version's schema first. With *serving*, what needs
    much memory is done beside this process (decision 020).
    """
    if not settings.state.is_dir():
        raise NotFound(
            f"Roadbed has no state here: no {settings.state.name}/ in this folder "
            "or above",
            hint="run `roadbed init` (it keeps a stack that is there already), or "
            "change into the folder that has it",
        )
    _must_be_whole(settings)
    app = _build(settings, clock or SystemClock(), serving=serving)
    migrate(app.database)
    _must_have_begun(app)
    return app


def initialise(settings: Settings, clock: Clock | None = None) -> Secret:
    """Make a new line in the state directory and return its bootstrap token.

    Raises Conflict if it has begun already.
    """
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    audit_folder(settings).mkdir(mode=0o700, exist_ok=True)
    app = _build(settings, clock or SystemClock())
    try:
        migrate(app.database)
        token = genesis(app.database, app.clock)
        app.audit.checkpoint()
    finally:
        app.close()
    return token


def renew_bootstrap(settings: Settings, clock: Clock | None = None) -> Secret:
    """Return a new bootstrap token for a line that has begun.

    For whoever owns the state directory; the audit log says that it happened.
    """
    app = open_app(settings, clock)
    try:
        with app.database.write() as connection:
            token = create_bootstrap(connection, app.now_us())
        app.audit.checkpoint()
    finally:
        app.close()
    return token


def _must_have_begun(app: App) -> None:
    with app.database.read() as connection:
        if current_resources(connection).revision:
            return
    app.close()
    raise Corrupt(
        "the control database is empty: what was in it is gone",
        hint="restore it from a backup, or begin anew in another folder with "
        "`roadbed init`; .roadbed/audit/checkpoints.txt says what there was",
    )


def _must_be_whole(settings: Settings) -> None:
    state = settings.state
    if not settings.database and not (state / "control.db").exists():
        raise Corrupt(
            f"the control database is gone from {state.name}/",
            hint="restore control.db from a backup; `roadbed init` in another folder "
            "begins anew",
        )


def _build(settings: Settings, clock: Clock, *, serving: bool = False) -> App:
    state, log = settings.state, settings.state / "log"
    database = open_database(settings.database_url)
    blobs = LocalBlobs(state / "blobs")
    secrets = open_secrets(settings)
    catalog = Installed(blobs=blobs, secrets=secrets)
    audit, public_key = _audit(settings, database, clock)
    history = HistoryAside() if serving else DuckDBHistory()
    tables = TablesAside() if serving else DuckdbTables()
    web = GuardedWeb(settings.private_host_names)
    relying, tokens = _identity(settings, database, web, secrets, clock)
    notary = Notary(blobs, _signers(settings, "statements"), clock)
    database.carry(**{ON_VERSION: notary})
    calls = CallLog(state / "spool", database, history, log)
    return App(
        settings=settings,
        clock=clock,
        database=database,
        blobs=blobs,
        secrets=secrets,
        web=web,
        relying=relying,
        catalog=catalog,
        audit=audit,
        copies=tuple(_places(settings.audit_copy_addresses, web)),
        public_key=public_key,
        history=history,
        prices=PublishedAside() if serving else published,
        code=GitCode(),
        calls=calls,
        sealer=Sealer(database=database, history=history, root=log, clock=clock),
        desk=Desk(database=database, blobs=blobs, catalog=catalog, clock=clock),
        datasets=Datasets(database, blobs, clock, tables),
        tables=tables,
        runs=Runs(database, clock),
        tokens=tokens,
        prover=Prover(database, blobs, audit, calls, notary),
    )


def _audit(
    settings: Settings, database: Database, clock: Clock
) -> tuple[AuditLog, str]:
    """Return the audit log, and the key that its checkpoints are verified with."""
    folder = audit_folder(settings)
    folder.mkdir(mode=0o700, exist_ok=True)
    signer = Signer.load_or_create(folder / "signing-key.pem")
    return AuditLog(database, signer, clock, folder), signer.public_key


def _signers(settings: Settings, purpose: str) -> Signers:
    """Return where the private keys of one purpose are: its own folder, or the KMS."""
    module = plugins.find(roadbed.adapters.signers, SIGNERS, settings.signer)
    return module.signers(settings.state / purpose)


def _identity(
    settings: Settings, database: Database, web: Web, secrets: Secrets, clock: Clock
) -> tuple[RelyingParty, TokenService]:
    """Return what signs people in, and what makes tokens; they share the issuers."""

    def now_us() -> int:
        return to_us(clock.now())

    issuers = Issuers(web, now_us)
    tokens = TokenService(
        database=database,
        issuers=issuers,
        signing=Signing(database, _signers(settings, "tokens"), now_us),
        issuer=settings.public_address,
        now_us=now_us,
    )
    return RelyingParty(
        web=web, secrets=secrets, issuers=issuers, now_us=now_us
    ), tokens


def open_secrets(settings: Settings) -> Resolver:
    """Return what resolves references here; a source is imported when it is used."""

    def open_source(scheme: str) -> SecretSource:
        return plugins.find(roadbed.adapters.secrets, SECRETS, scheme).source(settings)

    schemes = plugins.names(roadbed.adapters.secrets, SECRETS)
    return Resolver(open_source, schemes)


def _places(addresses: Iterable[str], web: Web) -> Iterator[Copies]:
    """Open the places for copies; a number tells places of one kind apart."""
    for number, address in enumerate(addresses, 1):
        scheme, _, rest = address.partition(":")
        if scheme == "git":
            yield GitCopies(Path(rest), f"git-{number}")
        elif scheme == "folder":
            yield FolderCopies(Path(rest), f"folder-{number}")
        elif scheme in ("http", "https"):
            yield WebhookCopies(web, address, f"webhook-{number}")
        elif scheme in ("s3", "gs", "az"):
            yield ObjectStoreCopies(open_store(address), f"objectstore-{number}")
        else:
            raise Invalid(
                f"{address!r} is no place for copies of checkpoints",
                hint="write git:/path, folder:/path, https://… or s3://bucket/prefix",
            )
