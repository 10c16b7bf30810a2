"""Read Cedar text into rules with names, and say what is wrong with it and where."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cedarpy

from roadbed.access.actions import ACTIONS
from roadbed.access.roles import ROLES
from roadbed.core.errors import Problem
from roadbed.core.reference import NAME

BUILT_IN = "roadbed/"
"""How the names of built-in rules begin; no declared policy can be called so."""
ROLE = "role/"
"""How the names of declared roles begin, among the names of policies."""

MAX_BYTES, MAX_DEPTH, MAX_IFS = 8192, 20, 50
"""What one policy may measure. Cedar's parser recurses, and a policy that nests too
deeply ends the process, so such text never reaches it."""

_STRING_OR_COMMENT = r'"(?:\\.|[^"\\])*"|//[^\n]*'
_ENDS = re.compile(rf"{_STRING_OR_COMMENT}|;", re.DOTALL)
_SHAPE = re.compile(rf"{_STRING_OR_COMMENT}|[(\[{{}}\])]|\bif\b", re.DOTALL)
_CONDITION = re.compile(r"\b(?:when|unless)\s*$")
# Cedar repeats a fault for each type of principal; it is one fault to its author.
_NOISE = re.compile(
    r"^Policy parse error: |^for policy `[^`]*`, | on entity type `(?:\w+)`"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy with a name that decisions carry as their reason.

    `actions` is the set of actions that it can concern, None for all of them;
    `text` is its Cedar text.
    """

    name: str
    effect: str
    actions: frozenset[str] | None
    text: str

    def concerns(self, action: str) -> bool:
        """Say whether the rule's scope can match *action*."""
        return self.actions is None or action in self.actions


def read_rules(name: str, text: str) -> list[Rule]:
    """Return the rules in the Cedar *text* called *name*; raise ValueError if unread.

    A single rule is called as the text is, several get `#` and their `@id` or
    their place, from 1.
    """
    statements = [statement for _, statement in _statements(text)]
    rules = []
    for place, statement in enumerate(statements, 1):
        head = _head(statement)
        part = f"#{_id(head) or place}" if len(statements) > 1 else ""
        actions = _actions(head["action"])
        rules.append(Rule(name + part, head["effect"], actions, statement))
    return rules


def problems_of(name: str, text: str, schema: cedarpy.Schema) -> list[Problem]:
    """Return what is wrong with the declared policy *text*, policy by policy."""
    if re.fullmatch(rf"({ROLE})?{NAME}", name) is None:
        return [_problem(name, 1, f"{name!r} is no name for a policy")]
    statements = list(_statements(text))
    if not statements:
        return [_problem(name, 1, "there is no policy in it")]
    problems = [
        _problem(name, line, message)
        for line, statement in statements
        for message in _faults(statement, schema)
    ]
    return problems or _twins(name, text)


@cache
def built_in_texts() -> Mapping[str, str]:
    """Return the Cedar text of each file in `policies/`, by its name."""
    folder = resources.files("roadbed.access") / "policies"
    return {
        file.name.removesuffix(".cedar"): file.read_text("utf-8")
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".cedar")
    }


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """Return the rules that hold in every stack: the guards and the roles."""
    texts = built_in_texts()
    return tuple(r for n in texts for r in read_rules(BUILT_IN + n, texts[n]))


def roles_with(action: str) -> list[str]:
    """Return the built-in roles that may do *action*, to say whom to ask."""
    may = {rule.name for rule in built_in_rules() if rule.concerns(action)}
    return [role for role in ROLES if BUILT_IN + role in may]


def role_text(name: str, actions: Iterable[str]) -> str:
    """Return the Cedar text of a declared role: a permit for whoever holds it.

    Actions that this release does not know are left out; empty if none is left.
    """
    known = ", ".join(f'Action::"{a}"' for a in ACTIONS if a in set(actions))
    if not known:
        return ""
    return f'permit (principal in Role::"{name}", action in [{known}], resource);\n'


def _faults(statement: str, schema: cedarpy.Schema) -> Iterator[str]:
    if _is_monstrous(statement):
        yield "the policy is too long or nests too deeply: split it into several"
        return
    result = cedarpy.validate_policies(statement, schema)
    if not result.validation_passed:
        yield from dict.fromkeys(_NOISE.sub("", e.error) for e in result.errors)
        return
    head = _head(statement)
    if head["slots"]:
        yield "a template is no policy: name the principal and the resource"
    elif head["effect"] == "permit" and _actions(head["action"]) is None:
        yield "a permit names its actions, so that none is granted unseen"


def _is_monstrous(statement: str) -> bool:
    depth = deepest = ifs = 0
    for token in _SHAPE.findall(statement):
        depth += (token in "([{") - (token in ")]}")
        deepest = max(deepest, depth)
        ifs += token == "if"
    too_long = len(statement.encode("utf-8", "replace")) > MAX_BYTES
    return too_long or deepest > MAX_DEPTH or ifs > MAX_IFS


def _twins(name: str, text: str) -> list[Problem]:
    names = [rule.name for rule in read_rules(name, text)]
    twins = sorted({n for n in names if names.count(n) > 1})
    return [_problem(name, 1, f"two policies in it are called {n}") for n in twins]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each policy in *text* with the line on which it begins."""
    start = 0
    for match in [*_ENDS.finditer(text), None]:
        if match is not None and match[0] != ";":
            continue
        end = match.end() if match else len(text)
        statement = text[start:end]
        if _without_comments(statement).strip():
            first = _first_line(statement)
            yield text.count("\n", 0, start) + first, statement
        start = end


def _first_line(statement: str) -> int:
    """Return the number of the first line that is neither empty nor a comment."""
    for number, line in enumerate(statement.split("\n"), 1):
        if line.strip() and not line.strip().startswith("//"):
            return number
    return 1


def _problem(name: str, line: int, message: str) -> Problem:
    known = ", ".join(ACTIONS)
    hint = f"the actions are {known}" if "unrecognized action" in message else ""
    return Problem(
        message=f"policy {name}, line {line}: {message}",
        hint=hint,
        line=line,
        field=f"Policy/{name}",
    )


def _head(statement: str) -> dict[str, Any]:
    """Return the scope of a policy as Cedar JSON; conditions may be too deep for it."""
    bare = _without_comments(statement)
    brace = next((m for m in _SHAPE.finditer(bare) if m[0] == "{"), None)
    scope = _CONDITION.sub("", bare[: brace.start()]) + ";" if brace else bare
    parsed = json.loads(cedarpy.policies_to_json_str(scope))
    slots = bool(parsed["templates"])
    [body] = (parsed["templates"] if slots else parsed["staticPolicies"]).values()
    return {**body, "slots": slots}


def _without_comments(text: str) -> str:
    return _ENDS.sub(lambda m: "" if m[0].startswith("//") else m[0], text)


def _id(body: dict[str, Any]) -> str:
    return str(body.get("annotations", {}).get("id") or "")


def _actions(scope: dict[str, Any]) -> frozenset[str] | None:
    if scope["op"] == "All":
        return None
    named = scope.get("entities") or [scope["entity"]]
    return frozenset(entity["id"] for entity in named)
