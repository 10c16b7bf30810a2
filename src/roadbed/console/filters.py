"""What a page is filtered by: read from its URL, and written back to one.

A filter has one spelling: empty fields and defaults are left out, so that equal
filters have equal URLs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode

from roadbed.core.clock import to_us
from roadbed.core.errors import Invalid
from roadbed.gateway.money.spend import label_of

RANGES = {
    "15m": ("Last 15 minutes", 900),
    "1h": ("Last hour", 3_600),
    "24h": ("Last 24 hours", 86_400),
    "7d": ("Last 7 days", 7 * 86_400),
    "30d": ("Last 30 days", 30 * 86_400),
    "all": ("All time", None),
    "custom": ("Custom", None),
}
"""Time ranges: their name in the URL, their label and, if they move, seconds."""

SPANS = {
    "24h": ("by the hour", 3_600),
    "7d": ("by six hours, UTC", 6 * 3_600),
    "30d": ("by the day, UTC", 86_400),
}
"""Time ranges of the page Spend, and the steps of its chart: in words, in seconds."""

STATUSES = ("ok", "error", "denied", "truncated", "cancelled")
OUTCOMES = ("done", "denied")
_LONGEST = 256
_CURSOR = re.compile(r"(?:[0-9]{1,18}~)?[A-Za-z0-9-]{1,100}")
_NOT_A_TIME = "write it as 2026-11-20T10:00, in UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Text fields that a URL's query carries; the empty text means any."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read a filter from *query*; raise Invalid naming the field that is wrong."""
        return cls._read(query)

    @classmethod
    def _read(cls, query: Mapping[str, str]) -> Self:
        given: dict[str, Any] = {}
        for each in fields(cls):
            value = query.get(each.name, "").strip()
            if len(value) > _LONGEST:
                raise Invalid(f"{each.name} is longer than {_LONGEST} characters")
            if value:
                given[each.name] = value
        return cls(**given)

    def query(self, **changes: str) -> str:
        """Return the query text, with *changes* made; `""` where all is default."""
        changed = replace(self, **changes) if changes else self
        default = type(self)()
        pairs = [
            (each.name, getattr(changed, each.name))
            for each in fields(self)
            if getattr(changed, each.name) != getattr(default, each.name)
        ]
        return "?" + urlencode(pairs, safe="@:") if pairs else ""

    def without(self, name: str) -> Self:
        """Return the filter with the field *name* as if it had not been given."""
        return replace(self, **{name: ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter(Filter):
    """Which calls. `since` and `until` (UTC) count where `range` is `custom`.

    `before` is the cursor of a page; `peek` is the call open beside the list. `arm` is
    where the rollout of the id `rollout` put a call, such as `new`.
    """

    endpoint: str = ""
    model: str = ""
    status: str = ""
    principal: str = ""
    rollout: str = ""
    arm: str = ""
    range: str = "24h"
    since: str = ""
    until: str = ""
    before: str = ""
    peek: str = ""

    def __post_init__(self) -> None:
        if self.range not in RANGES:
            raise Invalid(
                f"range is {self.range!r}", hint=f"one of: {', '.join(RANGES)}"
            )
        if self.status and self.status not in STATUSES:
            raise Invalid(
                f"status is {self.status!r}", hint=f"one of: {', '.join(STATUSES)}"
            )
        if self.before and not _CURSOR.fullmatch(self.before):
            raise Invalid("before is no place in this list", hint="follow the link")
        start, end = self._since, self._until
        if start is not None and end is not None and end <= start:
            raise Invalid("until is not after since", hint="exchange the two")

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read a filter; a range that moves wins over times that stand still."""
        given = dict(query)
        times = [n for n in ("since", "until") if given.get(n, "").strip()]
        chosen = given.get("range", "").strip()
        if times and chosen in ("", "custom"):
            given["range"] = "custom"
        elif chosen == "custom":
            given["range"] = ""
        else:
            given["since"] = given["until"] = ""
        return cls._read(given)

    @property
    def active(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that narrow the list, as (name, value)."""
        names = (
            *("endpoint", "model", "status", "principal", "rollout", "arm"),
            *("since", "until"),
        )
        return tuple((n, getattr(self, n)) for n in names if getattr(self, n))

    @property
    def live(self) -> bool:
        """Say whether new calls may appear on this page: the first, still open."""
        return not self.before and not self.until

    def window(self, now_us: int) -> tuple[int | None, int | None]:
        """Return the first and the last microsecond wanted, None where open."""
        seconds = RANGES[self.range][1]
        if seconds is not None:
            return now_us - seconds * 1_000_000, None
        return self._since, self._until

    @property
    def _since(self) -> int | None:
        return _moment("since", self.since)

    @property
    def _until(self) -> int | None:
        return _moment("until", self.until)

    def words(self) -> str:
        """Return the time range as people read it."""
        if self.range != "custom":
            return RANGES[self.range][0]
        since, until = self.since.replace("T", " "), self.until.replace("T", " ")
        if not until:
            return f"Since {since} UTC"
        return f"{since or 'The beginning'} to {until} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(Filter):
    """Which audit entries; `before` is a sequence number, the cursor of a page."""

    actor: str = ""
    action: str = ""
    resource: str = ""
    outcome: str = ""
    before: str = ""

    def __post_init__(self) -> None:
        if self.outcome and self.outcome not in OUTCOMES:
            raise Invalid(
                f"outcome is {self.outcome!r}", hint=f"one of: {', '.join(OUTCOMES)}"
            )
        if self.before and not re.fullmatch(r"[0-9]{1,18}", self.before):
            raise Invalid("before is not a sequence number", hint="follow the link")

    @property
    def before_seq(self) -> int | None:
        """Return the cursor as a number, None on the first page."""
        return int(self.before) if self.before else None

    @property
    def active(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that narrow the list, as (name, value)."""
        names = ("actor", "action", "resource", "outcome")
        return tuple((n, getattr(self, n)) for n in names if getattr(self, n))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFilter(Filter):
    """Which costs: split by what, over which range that moves."""

    by: str = "endpoint"
    range: str = "7d"

    def __post_init__(self) -> None:
        label_of(self.by)
        if self.range not in SPANS:
            raise Invalid(
                f"range is {self.range[:80]!r}", hint=f"one of: {', '.join(SPANS)}"
            )

    @property
    def label(self) -> str:
        """Return the label that costs are split by, empty if none."""
        return label_of(self.by)

    @property
    def step_us(self) -> int:
        """Return how long a step of the chart is."""
        return SPANS[self.range][1] * 1_000_000

    def steps(self) -> str:
        """Return in words how long a step of the chart is."""
        return SPANS[self.range][0]

    def since_us(self, now_us: int) -> int:
        """Return the first microsecond that is wanted at *now_us*."""
        seconds = RANGES[self.range][1] or 0
        return max(0, now_us - seconds * 1_000_000)

    def words(self) -> str:
        """Return the time range as people read it."""
        return RANGES[self.range][0]


def _moment(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} is no time: {text!r}", hint=_NOT_A_TIME) from None
    return to_us(moment.replace(tzinfo=moment.tzinfo or UTC))
