"""A console that has nothing to show of evaluations and of rollouts."""

from roadbed.console.assays.asked import EvaluationList, JudgesPage
from roadbed.console.rollouts.asked import RolloutGroup, RolloutList
from roadbed.console.rollouts.filters import GROUPS
from roadbed.core.errors import NotFound


class EmptyAssays:
    """A fresh installation: nothing is declared, and nothing was evaluated."""

    def evaluations(self, after, now_us):
        return EvaluationList()

    def judges(self, now_us):
        return JudgesPage()

    def of_endpoint(self, endpoint, now_us):
        return ()

    def of_version(self, version, now_us):
        return ()


class EmptyRolling:
    """A fresh installation: nothing was rolled out."""

    def rollouts(self, wanted, now_us):
        groups = (RolloutGroup(name=n, label=label) for n, (label, _) in GROUPS.items())
        return RolloutList(groups=tuple(groups))

    def rollout(self, rollout_id, now_us):
        raise NotFound("there is no such rollout")

    def newest(self):
        return {}
