"""Spend: what calls have cost, by whom and for what, and how the budgets stand."""

from datetime import date, timedelta

from starlette.responses import Response

from roadbed.console.filters import SPANS, CallFilter, SpendFilter
from roadbed.console.render import is_fetched
from roadbed.console.visit import Visit

PATH = "/console/spend"
WAYS = ("endpoint", "model", "provider", "principal", "team", "day")
"""What the page offers to split costs by; an address may also say `label:NAME`."""
PRICE_EXAMPLE = """\
apiVersion: roadbed/v1
kind: PriceList
metadata:
  name: contract
spec:
  prices:  # US dollars for a million tokens
    - provider: openai  # a Provider of yours
      upstream: gpt-4o*
      input: "2.00"
      output: "8.00"
"""
BUDGET_EXAMPLE = """\
apiVersion: roadbed/v1
kind: Budget
metadata:
  name: support
spec:
  amount: "250.00"
  period: month
  scope: {team: support}
"""


def spend(visit: Visit) -> Response:
    """Show costs by one thing over one range; budgets if the visitor may see some.

    A view has one address: another spelling of it leads there.
    """
    wanted = SpendFilter.read(visit.request.query_params)
    address = wanted.query()
    if (
        not is_fetched(visit.request)
        and address.removeprefix("?") != visit.request.url.query
    ):
        return visit.go(PATH + address)
    return visit.page(
        "spend.html",
        view=visit.data.spending(wanted, visit.now_us),
        wanted=wanted,
        here=PATH,
        ways=WAYS if wanted.by in WAYS else (*WAYS, wanted.by),
        spans=tuple(SPANS),
        may_read_budgets=visit.viewer.might("resource.read"),
        price_example=PRICE_EXAMPLE,
        budget_example=BUDGET_EXAMPLE,
        calls_of=lambda name: calls_of(wanted, name),
    )


def calls_of(wanted: SpendFilter, name: str) -> str:
    """Return the address of the calls behind one line, empty if it has none."""
    if not name:
        return ""
    narrowed = {"range": wanted.range}
    if wanted.by in ("endpoint", "model", "principal"):
        narrowed[wanted.by] = name
    elif wanted.by == "day":
        narrowed = _of_day(name)
    else:
        return ""
    return "/console/calls" + CallFilter(**narrowed).query()


def _of_day(day: str) -> dict[str, str]:
    try:
        after = date.fromisoformat(day) + timedelta(days=1)
    except ValueError:
        return {"range": "30d"}
    return {"range": "custom", "since": f"{day}T00:00", "until": f"{after}T00:00"}
