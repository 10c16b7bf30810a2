"""What the list of rollouts is asked by: read from its URL."""

import re
from dataclasses import dataclass

from roadbed.console.filters import Filter
from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME
from roadbed.rollouts.state import WAITING, Phase

GROUPS: dict[str, tuple[str, tuple[Phase, ...]]] = {
    "waiting": ("Needs somebody", WAITING),
    "under-way": (
        "Under way",
        ("approved", "shadow", "canary", "soaking", "rolling_back"),
    ),
    "over": ("Over", ("promoted", "rolled_back", "aborted", "superseded")),
}
"""The states of rollouts as people ask for them: a label, and the phases in it."""
_ID = re.compile(r"[A-Za-z0-9-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFilter(Filter):
    """Which rollouts; `before` is the last one of the page before."""

    state: str = ""
    endpoint: str = ""
    before: str = ""

    def __post_init__(self) -> None:
        if self.state and self.state not in GROUPS:
            raise Invalid(
                f"state is {self.state[:40]!r}", hint=f"one of: {', '.join(GROUPS)}"
            )
        if self.endpoint and not re.fullmatch(NAME, self.endpoint):
            raise Invalid(f"endpoint is {self.endpoint[:80]!r}", hint="write its name")
        if self.before and not _ID.fullmatch(self.before):
            raise Invalid("before is no place in this list", hint="follow the link")

    @property
    def active(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that narrow the list, as (name, value)."""
        names = ("state", "endpoint")
        return tuple((n, getattr(self, n)) for n in names if getattr(self, n))


def group_of(phase: str) -> str:
    """Return in which group of `GROUPS` a rollout in *phase* is."""
    return next(name for name, (_, phases) in GROUPS.items() if phase in phases)
