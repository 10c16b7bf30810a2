"""Evaluations: the list, one of them, a report, two reports, and the judges."""

import re

from starlette.responses import Response

from roadbed.console.assays.filters import CaseFilter, Pair
from roadbed.console.visit import Visit
from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME

EXAMPLE = """\
apiVersion: roadbed/v1
kind: Evaluation
metadata:
  name: answers
spec:
  endpoint: handbook
  cases: {dataset: questions@1}
  graders:
    - name: says-it
      grader: contains
      gate: {tolerance: 0.05, floor: 0.8}
"""


def evaluations(visit: Visit) -> Response:
    """Show one page of evaluations."""
    after = visit.request.query_params.get("after", "")
    if after and not re.fullmatch(NAME, after):
        raise Invalid("after is no place in this list", hint="follow the link")
    view = visit.data.assays.evaluations(after, visit.now_us)
    return visit.page("evaluations.html", view=view, after=after, example=EXAMPLE)


def evaluation(visit: Visit) -> Response:
    """Show one evaluation: its bar, what it can show, and what it showed."""
    view = visit.data.assays.evaluation(visit.named("name"), visit.now_us)
    resources = visit.may("resource.read").allowed
    return visit.page("evaluation.html", view=view, may_read_resources=resources)


def report(visit: Visit) -> Response:
    """Show one report, with the worst cases by one of its graders."""
    wanted = CaseFilter.read(visit.request.query_params)
    view = visit.data.assays.report(visit.named("name"), visit.named("report"), wanted)
    return visit.page("report.html", view=view, wanted=wanted)


def compare(visit: Visit) -> Response:
    """Show how two reports differ, and on which cases."""
    wanted = Pair.read(visit.request.query_params)
    view = visit.data.assays.compare(visit.named("name"), wanted)
    return visit.page("comparison.html", view=view, wanted=wanted)


def judges(visit: Visit) -> Response:
    """Show the judges that evaluations use, and how they agree with people."""
    return visit.page("judges.html", view=visit.data.assays.judges(visit.now_us))
