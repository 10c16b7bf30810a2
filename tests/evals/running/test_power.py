"""What is said before a run: how many cases would do, of the kind that there are."""

import re

from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports.power import told
from roadbed.evals.statistics.power import design_effect, detectable

CLUSTERS = [str(n // 4) for n in range(80)]
SPEC = {
    "endpoint": "school",
    "cases": {"dataset": "questions@1"},
    "graders": [{"name": "right", "grader": "exact", "gate": {"tolerance": 0.1}}],
}


def enough(clusters):
    design = design_effect(clusters)
    power = detectable(len(clusters), design=design)
    said = told(Evaluation.model_validate(SPEC), power)[-1]
    found = re.search("about ([0-9,]+) such cases are needed", said)
    return int(found[1].replace(",", ""))


def test_as_many_such_cases_as_are_asked_for_settle_the_tolerance():
    alone = enough([""] * 80)
    design = design_effect(CLUSTERS)
    together = enough(CLUSTERS)

    assert detectable(alone).settles(0.1)
    assert not detectable(alone - 1).settles(0.1)
    assert detectable(together, design=design).settles(0.1)
    assert not detectable(together - 1, design=design).settles(0.1)
    assert together > 2 * alone
