"""A small line with a stack, keys, calls and an audit log, all of them real."""

from pathlib import Path

from roadbed.access.authority import compile_policies
from roadbed.access.roles import ROLES
from roadbed.access.visible import Viewer
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.code.git import GitCode
from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.adapters.signers.local import LocalSigners
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.log import AuditLog
from roadbed.audit.signer import Signer
from roadbed.console.custody.rooms import Rooms as CustodyRooms
from roadbed.console.identity import LiveAuthority, LiveSessions
from roadbed.console.live import LiveData
from roadbed.control.desk import Desk
from roadbed.control.proof.prover import Prover
from roadbed.control.questions.compare import Comparer
from roadbed.control.serve import compile_snapshot, read_declared
from roadbed.control.why import Sources, why
from roadbed.core.actor import Principal
from roadbed.core.clock import to_us
from roadbed.core.errors import NotFound
from roadbed.data.datasets import Datasets
from roadbed.database.tables import current
from roadbed.gateway.calls import CallLog
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.identity.keys import create_key
from roadbed.inference.provider import Contribution, Explanation
from roadbed.registry.proof.notary import Notary
from roadbed.registry.runs import Runs
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.registry.versions import ON_VERSION
from roadbed.testing.fakes import FakeCatalog, FixedClock
from roadbed.testing.history_contract import a_call
from tests.control.stacks import ECHO, OPERATOR, endpoint, hosted, resource, write

ME = "service-account:operator"
AUDITOR = resource("ServiceAccount", "watcher", "roles: [viewer]\nkeys: true")
DAY_US = 86_400_000_000


class Rooms:
    """Everything that the console reads, in one folder."""

    def __init__(self, folder: Path, database):
        self.folder, self.database, self.clock = folder, database, FixedClock()
        self.catalog, self.history = FakeCatalog(), DuckDBHistory()
        blobs = self.blobs = LocalBlobs(folder / "blobs")
        self.desk = Desk(
            database=database, blobs=blobs, catalog=self.catalog, clock=self.clock
        )
        self.notary = Notary(blobs, LocalSigners(folder / "statements"), self.clock)
        database.carry(**{ON_VERSION: self.notary})
        self.datasets = Datasets(database, blobs, self.clock, DuckdbTables())
        self.runs = Runs(database, self.clock)
        (folder / "audit").mkdir()
        signer = Signer.load_or_create(folder / "audit" / "key.pem")
        self.audit = AuditLog(database, signer, self.clock, folder / "audit")
        root = folder / "log"
        self.sealer = Sealer(
            database=database, history=self.history, root=root, clock=self.clock
        )
        (folder / "spool").mkdir()
        self.calls = CallLog(folder / "spool", database, self.history, root)
        self.spools, self.served = 0, {}

    @property
    def now_us(self):
        return to_us(self.clock.now())

    def declare(self, *texts):
        """Apply these resources beside the operator and a viewer."""
        stack = "---\n".join([OPERATOR, AUDITOR, *texts])
        proposal = self.desk.propose(write(self.folder / "stack", stack=stack))
        return self.desk.apply(proposal, ME)

    def bot(self, pin="bot@1", upstream="echo-1", more=""):
        """Apply a hosted model behind an endpoint."""
        return self.declare(ECHO, hosted(upstream=upstream), endpoint("bot", pin, more))

    def key(self, account="operator"):
        """Return a new key of *account*."""
        with self.database.write() as connection:
            made = create_key(connection, account, now_us=self.now_us, created_by=ME)
        return made.secret

    def snapshot(self):
        """Return what a server would serve now, compiled once per revision."""
        with self.database.read() as connection:
            revision = current(connection, "serving")
            if revision not in self.served:
                found = read_declared(connection, self.now_us)
                made = compile_snapshot(found, self.catalog.open, compile_policies)
                self.served[revision] = made.snapshot
        return self.served[revision]

    def record(self, number, *, endpoint="bot", ago_s=60, **fields):
        """Return a call of *endpoint* some seconds ago, under what is served now."""
        served = self.snapshot()
        deployed = served.deployments.get(endpoint)
        known = {
            "ts": self.now_us - ago_s * 1_000_000,
            "endpoint": endpoint,
            "model": str(deployed.version) if deployed else "",
            "model_digest": deployed.version.digest if deployed else "",
            "snapshot": served.digest,
        }
        return a_call(number, **known | fields)

    def spool(self, *calls):
        """Write calls to a spool of their own, and return it."""
        self.spools += 1
        spool = Spool(self.folder / "spool" / name_of("host-dead", self.spools))
        spool.append([encode(*call) for call in calls])
        spool.close()
        return spool.path

    def seal(self, *calls):
        """Write calls and seal them."""
        return self.sealer.seal(self.spool(*calls))

    def why(self, call_id):
        """Follow the chain of a call; every version has the same explanation."""
        sources = Sources(
            database=self.database,
            calls=self.calls,
            run=_nothing,
            dataset=_nothing,
            explain=lambda version, found: EXPLANATION,
        )
        return why(sources, call_id)

    def data(self, **who):
        """Return the console's data, as somebody with every role sees it."""
        viewer = Viewer(
            authority=self.snapshot().authority,
            principal=Principal(
                kind="service-account", name="operator", roles=frozenset(ROLES), **who
            ),
        )
        return self.source().seen_by(viewer)

    def source(self):
        """Return where the console gets its data."""
        return LiveData(
            database=self.database,
            calls=self.calls,
            audit=self.audit,
            why=self.why,
            snapshot=self.snapshot,
            rooms=self.custody_rooms(),
        )

    def custody_rooms(self):
        """Return where the console finds models, datasets and runs."""

        def comparer(may):
            held = (self.database, self.datasets, self.runs, self.blobs, GitCode())
            return Comparer(*held, may)

        return CustodyRooms(
            database=self.database,
            blobs=self.blobs,
            datasets=self.datasets,
            runs=self.runs,
            artifacts=Artifacts(self.database, self.blobs, self.clock),
            calls=self.calls,
            prover=Prover(
                self.database, self.blobs, self.audit, self.calls, self.notary
            ),
            comparer=comparer,
        )

    def sessions(self):
        """Return the console's sessions."""
        return LiveSessions(
            database=self.database,
            snapshot=self.snapshot,
            now_us=lambda: self.now_us,
        )

    def authority(self):
        """Return what decides."""
        return LiveAuthority(self.snapshot, lambda: self.now_us)


EXPLANATION = Explanation(
    method="exact",
    output_name="p",
    output=0.75,
    reference_output=0.5,
    contributions=(
        Contribution(feature="size", value=3.0, reference=1.0, amount=0.25),
    ),
)


def _nothing(name):
    raise NotFound(f"there is no {name}")
