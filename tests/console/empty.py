"""A console that has nothing to show of evaluations."""

from roadbed.console.assays.asked import EvaluationList, JudgesPage


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
