"""Chores that learn from calls: feedback goes on the record, and what follows of it."""

from roadbed.app import App
from roadbed.evals.feedback import Feedbacks
from roadbed.server.chores import Chore

FEEDBACK_EVERY_S = 60.0


def learning(app: App) -> list[Chore]:
    """Return the chores; none of them is on the way of a call."""
    feedbacks = Feedbacks(app.database, app.now_us)
    return [Chore(name="feedback", every_s=FEEDBACK_EVERY_S, work=feedbacks.seal)]
