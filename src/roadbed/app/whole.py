"""A whole line, opened: everything that a command or a request may use."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadbed import __version__
from roadbed.access.authority import compile_again, compile_policies
from roadbed.access.authorize import denial, denied_entry
from roadbed.access.visible import Viewer, own
from roadbed.adapters.history.duckdb import DuckDBHistory, HistoryAside
from roadbed.adapters.tables.duckdb import DuckdbTables, TablesAside
from roadbed.adapters.traces.otlp import OtlpTraces
from roadbed.app.catalog import Installed
from roadbed.audit.deliver import deliver
from roadbed.audit.log import AuditLog
from roadbed.audit.note import read_verifier
from roadbed.control.desk import Desk
from roadbed.control.loading import Loader
from roadbed.control.proof.prover import Prover
from roadbed.control.questions.compare import Comparer
from roadbed.control.serve import Declared, Serving, compile_snapshot, read_declared
from roadbed.control.state import current_resources
from roadbed.control.targets import find_call, locate
from roadbed.control.token_service import EXCHANGE, Issued, TokenService, Wanted
from roadbed.control.why import Chain, Sources, why
from roadbed.core.actor import Principal
from roadbed.core.clock import Clock, to_us
from roadbed.core.decision import Target
from roadbed.core.errors import (
    Conflict,
    Denied,
    NotFound,
    Unauthenticated,
)
from roadbed.core.reference import VersionRef, parse
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database
from roadbed.gateway.adopt import Adopted, Adopter
from roadbed.gateway.alerts import Alert, raise_alert
from roadbed.gateway.calls import CallLog, Found
from roadbed.gateway.money.published import Published
from roadbed.gateway.seal import Sealer
from roadbed.identity.authenticate import authenticate
from roadbed.identity.directory import Directory
from roadbed.identity.relying import RelyingParty
from roadbed.identity.verifier import Verifier
from roadbed.inference.call import TensorRequest
from roadbed.inference.provider import Explainer, Explanation, Provider
from roadbed.inference.snapshot import Authority
from roadbed.inference.tensor import from_values
from roadbed.ports.blobs import Blobs
from roadbed.ports.code import Code
from roadbed.ports.copies import Copies
from roadbed.ports.secrets import Secrets
from roadbed.ports.traces import Traces
from roadbed.ports.web import Web
from roadbed.registry.approvals import withdrawn
from roadbed.registry.runs import Runs
from roadbed.registry.versions import Registered
from roadbed.settings import Settings


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
    history: DuckDBHistory | HistoryAside
    prices: Published
    code: Code
    calls: CallLog
    sealer: Sealer
    desk: Desk
    tables: DuckdbTables | TablesAside
    datasets: Datasets
    runs: Runs
    tokens: TokenService
    prover: Prover
    loader: Loader = field(default_factory=Loader)

    @property
    def checkpoints(self) -> Path:
        """Return the folder of the checkpoints' copies, outside the database."""
        return audit_folder(self.settings)

    def deliver(self) -> int:
        """Bring each checkpoint to every place for copies that lacks it."""
        return deliver(self.database, self.copies, read_verifier(self.public_key))

    def traces(self, process: str) -> Traces | None:
        """Return where finished calls of *process* are traced to, None if nowhere."""
        settings = self.settings
        if not settings.otlp_endpoint:
            return None
        where, headers = settings.otlp_endpoint, settings.otlp_headers
        facts = {"service.version": __version__, "service.instance.id": process}
        facts["roadbed.region"] = settings.region
        return OtlpTraces(where, facts, headers, self.secrets)

    def now_us(self) -> int:
        """Return the current time in microseconds since 1970, UTC."""
        return to_us(self.clock.now())

    def close(self) -> None:
        """Close the database, and end what works beside this process."""
        self.database.close()
        self.history.close()
        self.tables.close()

    def compile(self, previous: Serving | None = None) -> Serving:
        """Load what is declared now; what *previous* has loaded stays loaded."""
        with self.database.read() as connection:
            declared = self._declared(connection)
        # Whoever has nothing to serve yet waits for all that there is to be loaded.
        loader = self.loader if previous else None
        before = previous.snapshot.authority if previous else None
        return compile_snapshot(
            declared,
            self.catalog.open,
            partial(compile_again, before=before),
            previous,
            self.prices,
            loader,
        )

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


def audit_folder(settings: Settings) -> Path:
    """Return where the audit log's key and the copies of its checkpoints are."""
    return settings.state / "audit"


async def _close(runner: Any, provider: Provider) -> None:
    await runner.close()
    await provider.close()
