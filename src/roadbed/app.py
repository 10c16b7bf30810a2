"""The one place where ports meet adapters: settings in, a frozen App out."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

import roadbed.adapters.providers
import roadbed.adapters.secrets
import roadbed.adapters.signers
from roadbed import __version__
from roadbed.access.authority import compile_policies
from roadbed.access.authorize import denial, denied_entry
from roadbed.access.visible import Viewer, own
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.code.git import GitCode
from roadbed.adapters.copies.folder import FolderCopies
from roadbed.adapters.copies.git import GitCopies
from roadbed.adapters.copies.objectstore import ObjectStoreCopies, open_store
from roadbed.adapters.copies.webhook import WebhookCopies
from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.adapters.secrets._resolver import Resolver
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.adapters.traces.otlp import OtlpTraces
from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.audit.deliver import deliver
from roadbed.audit.log import AuditLog
from roadbed.audit.note import read_verifier
from roadbed.audit.signer import Signer
from roadbed.control.desk import Desk
from roadbed.control.genesis import genesis
from roadbed.control.questions.compare import Comparer
from roadbed.control.serve import Declared, Serving, compile_snapshot, read_declared
from roadbed.control.state import current_resources
from roadbed.control.targets import find_call, locate
from roadbed.control.token_service import EXCHANGE, Issued, TokenService, Wanted
from roadbed.control.why import Chain, Sources, why
from roadbed.core import plugins
from roadbed.core.actor import Principal
from roadbed.core.clock import Clock, SystemClock, to_us
from roadbed.core.decision import Target
from roadbed.core.errors import (
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    NotFound,
    Unauthenticated,
)
from roadbed.core.reference import VersionRef, parse
from roadbed.core.secret import Secret
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database, open_database
from roadbed.database.migrate import migrate
from roadbed.gateway.adopt import Adopted, Adopter
from roadbed.gateway.alerts import Alert, raise_alert
from roadbed.gateway.calls import CallLog, Found
from roadbed.gateway.seal import Sealer
from roadbed.identity.authenticate import authenticate
from roadbed.identity.directory import Directory
from roadbed.identity.issuers import Issuers
from roadbed.identity.keys import create_bootstrap
from roadbed.identity.relying import RelyingParty
from roadbed.identity.signing import Signing
from roadbed.identity.verifier import Verifier
from roadbed.inference.call import TensorRequest
from roadbed.inference.provider import Explainer, Explanation, Provider
from roadbed.inference.snapshot import Authority
from roadbed.inference.tensor import from_values
from roadbed.ports.blobs import Blobs
from roadbed.ports.code import Code
from roadbed.ports.copies import Copies
from roadbed.ports.secrets import Secrets, SecretSource
from roadbed.ports.signers import Signers
from roadbed.ports.traces import Traces
from roadbed.ports.web import Web
from roadbed.registry.approvals import withdrawn
from roadbed.registry.runs import Runs
from roadbed.registry.versions import Registered
from roadbed.settings import Settings

PROVIDERS = "roadbed.providers"
SECRETS = "roadbed.secrets"
SIGNERS = "roadbed.signers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The provider types that are installed: ours, and those of plug-ins."""

    blobs: Blobs
    secrets: Secrets

    def names(self) -> list[str]:
        """Return the names of all types, without importing any."""
        return plugins.names(roadbed.adapters.providers, PROVIDERS)

    def config_class(self, type_name: str) -> type[BaseModel]:
        """Return the class of the type's `config` block; raise NotFound."""
        return self._module(type_name).Config

    def unpinned(
        self, type_name: str, config: Mapping[str, Any], upstream: str
    ) -> str | None:
        """Say why *upstream* is a floating alias, or return None if it is pinned."""
        module = self._module(type_name)
        judge = getattr(module, "unpinned", None)
        return judge(module.Config(**config), upstream) if judge else None

    def unfit(
        self, type_name: str, config: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> str | None:
        """Say why the type cannot serve *definition*, or return None if it may."""
        module = self._module(type_name)
        judge = getattr(module, "unfit", None)
        return judge(module.Config(**config), definition) if judge else None

    def open(self, type_name: str, config: Mapping[str, Any]) -> Provider:
        """Return a provider with this config."""
        module = self._module(type_name)
        return module.provider(module.Config(**config), self.blobs, self.secrets)

    def _module(self, type_name: str) -> ModuleType:
        return plugins.find(roadbed.adapters.providers, PROVIDERS, type_name)


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is known, and what they may do: keys, our tokens, and the policies."""

    credentials: Mapping[str, Principal]
    tokens: Verifier
    authority: Authority
    directory: Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything a command, a request or a notebook may use, and nothing else."""

    settings: Settings
    clock: Clock
    database: Database
    blobs: Blobs
    secrets: Secrets
    web: Web
    relying: RelyingParty
    catalog: Installed
    audit: AuditLog
    copies: tuple[Copies, ...] = ()
    public_key: str
    history: DuckDBHistory
    code: Code
    calls: CallLog
    sealer: Sealer
    desk: Desk
    datasets: Datasets
    runs: Runs
    tokens: TokenService

    @property
    def checkpoints(self) -> Path:
        """Return the folder of the checkpoints' copies, outside the database."""
        return _audit_folder(self.settings)

    def deliver(self) -> int:
        """Bring each checkpoint to every place for copies that lacks it."""
        return deliver(self.database, self.copies, read_verifier(self.public_key))

    def traces(self, process: str) -> Traces | None:
        """Return where finished calls of *process* are traced to, None if nowhere."""
        settings = self.settings
        if not settings.otlp_endpoint:
            return None
        facts = {
            "service.version": __version__,
            "service.instance.id": process,
            "roadbed.region": settings.region,
        }
        where, headers = settings.otlp_endpoint, settings.otlp_headers
        return OtlpTraces(where, facts, headers, self.secrets)

    def now_us(self) -> int:
        """Return the current time in microseconds since 1970, UTC."""
        return to_us(self.clock.now())

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def compile(self, previous: Serving | None = None) -> Serving:
        """Load what is declared now; what *previous* has loaded stays loaded."""
        with self.database.read() as connection:
            declared = self._declared(connection)
        return compile_snapshot(declared, self.catalog.open, compile_policies, previous)

    def adopt(self) -> Adopted:
        """Seal what dead processes left in their spools."""
        state = self.settings.state
        adopter = Adopter(
            state / "spool", state / "quarantine", self.sealer, self._alert
        )
        return adopter.adopt()

    def _alert(self, alert: Alert) -> None:
        with self.database.write() as connection:
            raise_alert(connection, alert, self.now_us())

    def gate(self) -> Gate:
        """Return who may do what at this moment."""
        with self.database.read() as connection:
            declared = self._declared(connection)
        return Gate(
            credentials=declared.credentials,
            tokens=declared.tokens,
            authority=compile_policies(declared.state.policies()),
            directory=declared.directory,
        )

    def _declared(self, connection: sa.Connection) -> Declared:
        issuer = self.settings.public_address
        return read_declared(connection, self.now_us(), issuer)

    def require(
        self,
        principal: Principal,
        action: str,
        target: Target,
        gate: Gate | None = None,
        asked: Target | None = None,
    ) -> None:
        """Raise Denied, after it is on the audit log, unless the action is allowed.

        Asks the policies of this moment, or *gate* where one was made just now. A
        refusal speaks of *asked*, what they named, where it is given.
        """
        authority, told = (gate or self.gate()).authority, asked or target
        decision = authority.decide(principal, action, target, self.now_us())
        if not decision.allowed:
            refusal = denial(principal, action, told, decision)
            self.audit.record(denied_entry(principal, action, told, refusal.message))
            raise refusal

    def viewer(self, principal: Principal, gate: Gate | None = None) -> Viewer:
        """Return *principal* as one who looks, by the policies of this moment."""
        authority = (gate or self.gate()).authority
        return Viewer(authority=authority, principal=principal, now_us=self.now_us())

    def find(self, principal: Principal, kind: str, name: str) -> Target | None:
        """Return what *principal* can mean by *kind* and *name*, None if nothing.

        What is of another tenant is nothing.
        """
        if kind == "Call":
            return find_call(self.calls, name, principal.tenant)
        with self.database.read() as connection:
            return own(principal, locate(connection, kind, name))

    def authenticate(self, token: str, gate: Gate | None = None) -> Principal:
        """Return the principal that *token* proves; raise Unauthenticated."""
        return authenticate(gate or self.gate(), token, self.now_us())

    def exchange(self, wanted: Wanted) -> Issued:
        """Return a new access token; a refusal is on the audit log first."""
        try:
            return self.tokens.exchange(wanted, self.gate())
        except (Unauthenticated, Denied) as refusal:
            target = Target(kind="Token", name="*")
            self.audit.record(denied_entry(None, EXCHANGE, target, refusal.message))
            raise

    def why(self, call_id: str) -> Chain:
        """Return the chain of custody of one call."""
        sources = Sources(
            database=self.database,
            calls=self.calls,
            run=self.runs.get,
            dataset=lambda name: self.datasets.get(parse(name)),
            explain=self.explain,
        )
        return why(sources, call_id)

    def comparer(self, may: Callable[[str], bool]) -> Comparer:
        """Return what says what changed, to whom *may* see these datasets."""
        found = (self.database, self.datasets, self.runs, self.blobs, self.code)
        return Comparer(*found, may)

    def explain(self, version: Registered, found: Found) -> Explanation | None:
        """Return the contributions to a single-row prediction, or None if none can be.

        Loads the version anew: slow, and never on the request path.
        """
        features = version.body.get("features", [])
        values = [found.record.num.get(name) for name in features]
        if not features or None in values:
            return None
        self._must_live(version)
        name = version.body["signature"]["inputs"][0]["name"]
        row = from_values(name, "FP64", [1, len(values)], values)
        provider = self._provider(str(version.body["provider"]))
        runner = provider.open(version)
        try:
            if not isinstance(runner, Explainer):
                return None
            return runner.explain(TensorRequest(inputs=(row,)), 0)
        finally:
            asyncio.run(_close(runner, provider))

    def _must_live(self, version: Registered) -> None:
        """Raise Conflict if *version* was withdrawn: then it is never loaded again."""
        with self.database.read() as connection:
            gone = withdrawn(connection)
        if VersionRef(version.model, version.number) in gone:
            raise Conflict(f"{version} was withdrawn")

    def _provider(self, name: str) -> Provider:
        with self.database.read() as connection:
            declared = current_resources(connection).resources.get(("Provider", name))
        if declared is None:
            raise NotFound(f"the provider {name!r} is no longer declared")
        spec = declared.content["spec"]
        return self.catalog.open(spec["type"], spec.get("config", {}))


def open_app(settings: Settings, clock: Clock | None = None) -> App:
    """Open the line that *settings* describe; NotFound if there is none.

    Brings the database to this version's schema first.
    """
    if not settings.state.is_dir():
        raise NotFound(
            f"Roadbed has no state here: no {settings.state.name}/ in this folder "
            "or above",
            hint="run `roadbed init` (it keeps a stack that is there already), or "
            "change into the folder that has it",
        )
    app = _build(settings, clock or SystemClock(), begin=False)
    migrate(app.database)
    _must_have_begun(app)
    return app


def initialise(settings: Settings, clock: Clock | None = None) -> Secret:
    """Make a new line in the state directory and return its bootstrap token.

    Raises Conflict if it has begun already.
    """
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    _audit_folder(settings).mkdir(mode=0o700, exist_ok=True)
    app = _build(settings, clock or SystemClock(), begin=True)
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


def _build(settings: Settings, clock: Clock, *, begin: bool) -> App:
    state = settings.state
    if not begin:
        _must_be_whole(settings)
    database = open_database(settings.database_url)
    blobs = LocalBlobs(state / "blobs")
    secrets = open_secrets(settings)
    catalog = Installed(blobs=blobs, secrets=secrets)
    folder = _audit_folder(settings)
    folder.mkdir(mode=0o700, exist_ok=True)
    signer = Signer.load_or_create(folder / "signing-key.pem")
    history, log = DuckDBHistory(), state / "log"
    web = GuardedWeb(settings.private_host_names)
    relying, tokens = _identity(settings, database, web, secrets, clock)
    return App(
        settings=settings,
        clock=clock,
        database=database,
        blobs=blobs,
        secrets=secrets,
        web=web,
        relying=relying,
        catalog=catalog,
        audit=AuditLog(database, signer, clock, folder),
        copies=tuple(_places(settings.audit_copy_addresses, web)),
        public_key=signer.public_key,
        history=history,
        code=GitCode(),
        calls=CallLog(state / "spool", database, history, log),
        sealer=Sealer(database=database, history=history, root=log, clock=clock),
        desk=Desk(database=database, blobs=blobs, catalog=catalog, clock=clock),
        datasets=Datasets(database, blobs, clock, DuckdbTables()),
        runs=Runs(database, clock),
        tokens=tokens,
    )


def _identity(
    settings: Settings, database: Database, web: Web, secrets: Secrets, clock: Clock
) -> tuple[RelyingParty, TokenService]:
    """Return what signs people in, and what makes tokens; they share the issuers."""

    def now_us() -> int:
        return to_us(clock.now())

    issuers = Issuers(web, now_us)
    module = plugins.find(roadbed.adapters.signers, SIGNERS, settings.signer)
    signers: Signers = module.signers(settings.state / "tokens")
    tokens = TokenService(
        database=database,
        issuers=issuers,
        signing=Signing(database, signers, now_us),
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


def _audit_folder(settings: Settings) -> Path:
    return settings.state / "audit"


async def _close(runner: Any, provider: Provider) -> None:
    await runner.close()
    await provider.close()
