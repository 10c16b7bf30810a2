"""Cedar decides, in process and fail-closed.

Cedar skips a policy that fails, so a broken `forbid` would become a permit. Here
an action is allowed only if Cedar allows it *and* no policy failed on the way.
"""

import json
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import cedarpy

from roadbed.access.actions import ACTIONS, PRIVILEGED
from roadbed.access.rules import (
    BUILT_IN,
    Rule,
    built_in_rules,
    built_in_texts,
    problems_of,
    read_rules,
)
from roadbed.access.schema import ATTRIBUTES, PRINCIPALS, cedar_schema
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.digest import canonical, digest_of
from roadbed.core.errors import Invalid, Problem

NOT_PERMITTED = "no policy permits it"
_REMEMBERED = 20_000
_LONGEST_NAME = 256
_COUNTED = re.compile(r"\bpolicy\d+\b")


class _Slice:
    """The rules that can concern one action: Cedar itself has no index."""

    def __init__(self, rules: Iterable[Rule], action: str) -> None:
        chosen = [rule for rule in rules if rule.concerns(action)]
        self._names = {f"policy{n}": rule.name for n, rule in enumerate(chosen)}
        self.declared = any(not rule.name.startswith(BUILT_IN) for rule in chosen)
        text = "\n".join(rule.text for rule in chosen)
        self.policies = cedarpy.PolicySet.from_str(text)

    def named(self, text: str) -> str:
        """Return *text* with the names of rules where Cedar counts them."""
        return _COUNTED.sub(lambda m: self._names.get(m[0], m[0]), text)


class CedarAuthority:
    """A compiled, immutable set of policies that decides without I/O.

    `digest` names the set: schema, built-in and declared policies. Decisions are
    remembered inside the instance only, so none outlives its policies.
    """

    def __init__(self, rules: Iterable[Rule], digest: str) -> None:
        rules = list(rules)
        self.digest = digest
        self._schema = cedarpy.Schema.from_str(cedar_schema())
        self._slices = {action: _Slice(rules, action) for action in ACTIONS}
        self._decisions: dict[Hashable, Decision] = {}

    def decide(
        self, principal: Principal, action: str, target: Target, now_us: int = 0
    ) -> Decision:
        """Say whether *principal* may do *action* to *target*, and why.

        The reasons are the names of the policies that decided. Anything unclear
        is a denial: an unknown action, a target of the wrong kind, a policy that
        fails. Whoever acts for the principal must be allowed to as well.
        """
        fresh = action in PRIVILEGED and 0 < now_us <= principal.fresh_until_us
        try:
            what = target.revision or _key(target.attributes)
            key = (principal, action, target.kind, target.name, what, fresh)
            known = self._decisions.get(key)
        except (Invalid, TypeError):
            return self._deny("the target's attributes are no plain values")
        if known is None:
            known = self._ask_all(principal, action, target, fresh)
            self._remember(key, known, target)
        return known

    def declares(self, action: str) -> bool:
        """Say whether a declared policy concerns *action*.

        If none does, whoever is refused all of a kind is refused each of it.
        """
        chosen = self._slices.get(action)
        return chosen is not None and chosen.declared

    def _ask_all(
        self, principal: Principal, action: str, target: Target, fresh: bool
    ) -> Decision:
        """Decide for the principal, and for each that acts for it."""
        if principal.scope is not None and action not in principal.scope:
            return self._deny("the token's scope does not include it")
        decision = self._evaluate(principal, action, target, fresh)
        for actor in principal.actors if decision.allowed else ():
            second = self._evaluate(actor, action, target, fresh)
            if not second.allowed:
                return self._deny(*(f"{actor}: {r}" for r in second.reasons))
        return decision

    def _remember(self, key: Hashable, decision: Decision, target: Target) -> None:
        """Keep *decision*, unless its question is one that only floods memory."""
        if len(target.name) > _LONGEST_NAME:
            return
        if len(self._decisions) >= _REMEMBERED:
            self._decisions.clear()
        self._decisions[key] = decision

    def _evaluate(
        self, principal: Principal, action: str, target: Target, fresh: bool
    ) -> Decision:
        chosen = self._slices.get(action)
        if chosen is None:
            return self._deny(f"there is no action {action}")
        try:
            request, entities = _question(principal, action, target, fresh)
            result = cedarpy.is_authorized(
                request,
                chosen.policies,
                cedarpy.Entities.from_json_str(json.dumps(entities), self._schema),
                self._schema,
            )
        except (KeyError, TypeError, ValueError) as error:
            return self._deny(f"the question makes no sense: {error!r}")
        diagnostics = result.diagnostics
        if diagnostics.errors:
            return self._deny(*(chosen.named(error) for error in diagnostics.errors))
        names = sorted(chosen.named(reason) for reason in diagnostics.reasons)
        reasons = tuple(names) or (NOT_PERMITTED,)
        return Decision(
            allowed=result.allowed, reasons=reasons, policy_digest=self.digest
        )

    def _deny(self, *reasons: str) -> Decision:
        return Decision(allowed=False, reasons=reasons, policy_digest=self.digest)


def compile_policies(project: Mapping[str, str]) -> CedarAuthority:
    """Return the authority over the built-in policies and *project*'s, by their names.

    Raises Invalid; its problems name every faulty policy and the line it begins on.
    """
    schema = cedarpy.Schema.from_str(cedar_schema())
    problems: list[Problem] = []
    rules = list(built_in_rules())
    for name, text in sorted(project.items()):
        faults = problems_of(name, text, schema)
        problems += faults
        rules += [] if faults else read_rules(name, text)
    if problems:
        raise Invalid(
            "; ".join(problem.message for problem in problems),
            hint="mend the Cedar text; `roadbed plan` checks it without applying it",
            problems=tuple(problems),
        )
    return CedarAuthority(rules, _digest(project))


def _digest(project: Mapping[str, str]) -> str:
    built_in = dict(built_in_texts())
    return digest_of(
        {"schema": cedar_schema(), "built-in": built_in, "project": dict(project)}
    )


def _question(
    principal: Principal, action: str, target: Target, fresh: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the request and the entities that Cedar needs to answer it.

    Ids travel as JSON values, never as Cedar text, so no name can be read as code.
    """
    who = {"type": PRINCIPALS[principal.kind], "id": principal.name}
    what = {"type": target.kind, "id": target.name}
    given = target.attributes
    attributes = {name: given[name] for name in ATTRIBUTES if name in given}
    entities = [
        {
            "uid": who,
            "attrs": _attributes_of(principal),
            "parents": [
                *({"type": "Role", "id": r} for r in sorted(principal.roles)),
                *({"type": "Group", "id": g} for g in sorted(principal.groups)),
            ],
            "tags": dict(principal.labels),
        },
        {
            "uid": what,
            "attrs": {"tenant": target.tenant, **attributes},
            "parents": [],
            "tags": dict(given.get("labels", {})),
        },
    ]
    does = {"type": "Action", "id": action}
    request: dict[str, Any] = {"principal": who, "action": does, "resource": what}
    mfa = "mfa" in principal.methods
    request["context"] = {"action": action, "fresh": fresh, "mfa": mfa}
    return request, entities


def _attributes_of(principal: Principal) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "tenant": principal.tenant,
        "keys": sorted(keys_of(principal)),
    }
    if principal.residency:
        attributes["residency"] = sorted(principal.residency)
    if principal.mandate is not None:
        attributes["mandate"] = sorted(principal.mandate)
    return attributes


def keys_of(principal: Principal) -> set[str]:
    """Return all that a list of who may do something can call *principal* by."""
    return {
        str(principal),
        *(f"role:{role}" for role in principal.roles),
        *(f"group:{group}" for group in principal.groups),
    }


def _key(attributes: Mapping[str, Any]) -> Hashable:
    """Return what tells *attributes* apart, cheaply where they are all texts."""
    if all(type(value) is str for value in attributes.values()):
        return tuple(attributes.items())
    return canonical(dict(attributes))
