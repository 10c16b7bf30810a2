"""Chores that learn from calls: feedback goes on the record, calls are graded,
and golden sets are looked after."""

from roadbed.app import App
from roadbed.control.quality import live_evaluations
from roadbed.control.upkeep import Keeper
from roadbed.evals.announcing import Announce, unsaid
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.online import OnlineGrader
from roadbed.evals.running.shelf import DAY_US, purge
from roadbed.server.chores import Chore
from roadbed.server.evaluating.panel import DeclaredPanel

FEEDBACK_EVERY_S = 60.0
GRADE_EVERY_S = 30.0
UPKEEP_EVERY_S = 3600.0
PURGE_EVERY_S = 3600.0


def learning(app: App, holder: str, announce: Announce = unsaid) -> list[Chore]:
    """Return the chores; none of them is on the way of a call.

    They may take long, so they have a thread of their own. *holder* names this
    process, and *announce* is told of each grade.
    """
    feedbacks = Feedbacks(app.database, app.now_us)
    grader = OnlineGrader(
        database=app.database,
        calls=app.calls,
        history=app.history,
        root=app.settings.state / "log",
        feedbacks=feedbacks,
        panel=DeclaredPanel(app),
        now_us=app.now_us,
        holder=holder,
        announce=announce,
    )

    keeper = Keeper(database=app.database, datasets=app.datasets)

    def grade() -> int:
        with app.database.read() as connection:
            live = live_evaluations(connection)
        return grader.run(live)

    def forget() -> int:
        kept_us = app.settings.answers_days * DAY_US
        return purge(app.database, app.now_us() - kept_us)

    return [
        Chore(name="feedback", every_s=FEEDBACK_EVERY_S, work=feedbacks.seal),
        Chore(name="grading", every_s=GRADE_EVERY_S, work=grade),
        Chore(name="kept-answers", every_s=PURGE_EVERY_S, work=forget),
        Chore(
            name="golden-sets",
            every_s=UPKEEP_EVERY_S,
            work=lambda: keeper.watch(app.now_us()),
        ),
    ]
