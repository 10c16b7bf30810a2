"""A line of its own whose versions were evaluated, all of it real."""

from roadbed.access.authority import compile_policies
from roadbed.console.app import make_console
from roadbed.console.live import LiveData
from roadbed.control.serve import compile_snapshot, read_declared
from roadbed.evals.certificates import DAY_US, Certificate, issue
from roadbed.evals.examination import PROBES, Labelled, examine
from roadbed.evals.reports.verdicts import Waiver, waive
from roadbed.server.main import rooms
from tests.console.served import Authority, Sessions, application_of
from tests.control.stacks import resource
from tests.evals.running.line import Line, endpoint, evaluation, model

EXAM = evaluation(
    gate="{tolerance: 0.1, floor: 0.5}",
    more="- {name: loose, grader: normalised}\nslices: [easy, hard]\n",
)
KIND = resource(
    "Evaluation",
    "kind",
    "endpoint: school\ncases: {dataset: questions@1}\nblocking: never\n"
    "graders:\n- {name: friendly, grader: judge, config: "
    "{endpoints: [school], rubric: It is kind.}}\n",
)


class Evaluated(Line):
    """Two versions of a model, both evaluated; the newer one knows much less."""

    def furnish(self):
        """Make everything, and return it."""
        self.golden(40, tags=lambda n: "hard" if n % 3 == 0 else "easy")
        self.apply(model(90), endpoint(), EXAM, KIND)
        self.old = self.gate("pupil@1")[0]
        self.apply(model(50), endpoint(), EXAM, KIND)
        self.new = self.gate("pupil@2")[0]
        with self.app.database.write() as connection:
            waive(connection, self._waiver(), "service-account:operator")
            issue(connection, self._certificate())
        return self

    @property
    def reports(self):
        """Return the digests of the reports on both versions, the older first."""
        return [gated.candidate.report.digest for gated in (self.old, self.new)]

    def data(self):
        """Return what the console of this line shows."""
        app = self.app
        return LiveData(
            database=app.database,
            calls=app.calls,
            audit=app.audit,
            why=app.why,
            snapshot=self._snapshot,
            rooms=rooms(app),
        )

    def application(self):
        """Return the console of this line as an ASGI application."""
        authority = Authority()
        routes = make_console(
            self.data(), Sessions(), authority, now_us=self.app.now_us
        )
        return application_of(routes)

    def _snapshot(self):
        with self.app.database.read() as connection:
            found = read_declared(connection, self.app.now_us())
        made = compile_snapshot(found, self.app.catalog.open, compile_policies)
        return made.snapshot

    def _waiver(self):
        subject, now_us = self.new.candidate.report.subject, self.app.now_us()
        return Waiver(
            endpoint=subject.endpoint,
            evaluation=subject.evaluation,
            version=subject.version,
            version_digest=subject.version_digest,
            actor="user:ada#1",
            reason="the old one is gone",
            at_us=now_us,
            until_us=now_us + DAY_US,
        )

    def _certificate(self):
        human = [n % 3 > 0 for n in range(200)]
        labelled = [
            Labelled(said if n % 20 else not said, said, ("short",) * (n % 2))
            for n, said in enumerate(human)
        ]
        probes = {name: [False] * 12 for name in PROBES}
        probes["overlong"] = [n < 3 for n in range(12)]
        swaps = [("A", "B")] * 3 + [("A", "A")] * 20
        now_us = self.app.now_us()
        return Certificate(
            judge="sha256:" + "ab" * 32,
            name="friendly",
            labels="questions@1",
            findings=examine(labelled, probes, swaps).document(),
            actor="user:ada#1",
            made_us=now_us,
            expires_us=now_us + 90 * DAY_US,
        )
