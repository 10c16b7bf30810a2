"""Calls of tools, as graders compare them: a name, and arguments that are JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from roadbed.core.digest import canonical, digest
from roadbed.core.errors import Invalid
from roadbed.evals.graders._reading import Unfit, Unknown, cut, read_json
from roadbed.evals.graders._texts import normal
from roadbed.evals.graders.exact import same
from roadbed.inference.conversation import ToolUse

MOST = 1000
Matcher = Literal["exact", "normalised", "number", "present", "ignored"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call; `arguments` is None where they are no JSON object."""

    name: str
    arguments: Mapping[str, Any] | None
    raw: str = ""

    @property
    def digest(self) -> str:
        """What two calls share that ask for the same thing."""
        if self.arguments is None:
            return f"{self.name}\n{self.raw}"
        try:
            return f"{self.name}\n{digest(canonical(dict(self.arguments)))}"
        except Invalid:
            return f"{self.name}\n{self.raw}"


def calls_of(tools: Sequence[ToolUse]) -> list[ToolCall]:
    """Return the calls of an answer; raise Unfit if there are too many to read."""
    if len(tools) > MOST:
        raise Unfit(f"the answer calls {len(tools):,} tools; at most {MOST:,} count")
    return [_read(use) for use in tools]


def expected_calls(value: Any) -> list[ToolCall]:
    """Return the calls that a case expects; raise Unknown if they are none.

    Each is a name, or an object with `name` and `arguments`; without `arguments`,
    whatever they are is right.
    """
    items = value if isinstance(value, list) else [value]
    found = [_expected(item) for item in items]
    if len(found) > MOST:
        raise Unknown(f"the case expects more than {MOST} calls")
    return found


@dataclass(frozen=True, slots=True)
class Matching:
    """When two calls are the same: by name, and argument by argument.

    `matchers` are for the arguments they name, as `search.query` or `*.query`.
    `extra` says whether arguments that nobody expected are no matter.
    """

    matchers: Mapping[str, Matcher]
    extra: bool = False
    tolerance: float = 1e-9

    def fits(self, wanted: ToolCall, got: ToolCall) -> bool:
        """Say whether *got* is the call that is *wanted*."""
        if wanted.name != got.name:
            return False
        if wanted.arguments is None:
            return True
        if got.arguments is None:
            return False
        return self._fit(wanted, wanted.arguments, got.arguments)

    def _fit(
        self, call: ToolCall, wanted: Mapping[str, Any], got: Mapping[str, Any]
    ) -> bool:
        names = set(wanted) if self.extra else set(wanted) | set(got)
        return all(self._argument(call.name, n, wanted, got) for n in names)

    def _argument(
        self, tool: str, name: str, wanted: Mapping[str, Any], got: Mapping[str, Any]
    ) -> bool:
        how = self.matchers.get(f"{tool}.{name}") or self.matchers.get(f"*.{name}")
        if how == "ignored":
            return True
        if name not in wanted or name not in got:
            return how == "present" and name in got
        left, right = wanted[name], got[name]
        if how == "normalised":
            return normal(str(left)) == normal(str(right))
        if how == "number":
            return self._near(left, right)
        return how == "present" or same(left, right)

    def _near(self, left: Any, right: Any) -> bool:
        try:
            a, b = float(left), float(right)
        except (TypeError, ValueError, OverflowError):
            return False
        return abs(a - b) <= self.tolerance * max(1.0, abs(a))


def _read(use: ToolUse) -> ToolCall:
    try:
        value = read_json(use.arguments[: MOST * 1000] or "{}")
    except Unfit:
        value = None
    arguments = value if isinstance(value, dict) else None
    return ToolCall(cut(use.name), arguments, cut(use.arguments))


def _expected(item: Any) -> ToolCall:
    if isinstance(item, str):
        return ToolCall(item, None)
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise Unknown("the case expects a call of a tool without a name")
    arguments = item.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise Unknown(f"the arguments of {item['name']!r} are no object")
    return ToolCall(item["name"], arguments)
