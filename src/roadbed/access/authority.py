"""Cedar decides, in process and fail-closed.

Cedar skips a policy that fails, so a broken `forbid` would become a permit. Here
an action is allowed only if Cedar allows it *and* no policy failed on the way.
"""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Self

import cedarpy
import msgspec
from cedarpy import Entities

from roadbed.access.actions import ACTIONS, PRIVILEGED
from roadbed.access.memory import Memory
from roadbed.access.question import principal_entity, request_of, target_entity
from roadbed.access.rules import (
    BUILT_IN,
    Rule,
    built_in_rules,
    built_in_texts,
    problems_of,
    read_rules,
)
from roadbed.access.schema import cedar_schema
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.digest import canonical, digest_of
from roadbed.core.errors import Invalid, Problem
from roadbed.inference.snapshot import Authority

NOT_PERMITTED = "no policy permits it"
_HELD = 4_096
_SENSELESS = (Invalid, AttributeError, KeyError, TypeError, ValueError)
"""What a question can raise that is not of plain values of the right kinds."""
_COUNTED = re.compile(r"\bpolicy\d+\b")


class _Slice:
    """The rules that can concern one action: Cedar itself has no index."""

    def __init__(self, rules: Iterable[Rule], action: str) -> None:
        chosen = [rule for rule in rules if rule.concerns(action)]
        self.names = {f"policy{n}": rule.name for n, rule in enumerate(chosen)}
        self.declared = any(not rule.name.startswith(BUILT_IN) for rule in chosen)
        self._texts = [rule.text for rule in chosen]

    @cached_property
    def policies(self) -> cedarpy.PolicySet:
        """Return the rules as Cedar reads them, which takes half a millisecond."""
        return cedarpy.PolicySet.from_str("\n".join(self._texts))

    def named(self, text: str) -> str:
        """Return *text* with the names of rules where Cedar counts them."""
        return _COUNTED.sub(lambda m: self.names.get(m[0], m[0]), text)


Asked = Sequence[tuple[str, Target]]
"""Several questions about one principal: what it would do, and to what."""


class CedarAuthority:
    """A compiled, immutable set of policies that decides without I/O.

    `digest` names the set: schema, built-in and declared policies. Decisions are
    remembered inside the instance only, so none outlives its policies.
    """

    def __init__(self, rules: Iterable[Rule], digest: str) -> None:
        rules = list(rules)
        self.digest = digest
        self._schema = _schema()
        self._slices = {action: _Slice(rules, action) for action in ACTIONS}
        self._memory = Memory()
        self._handles: dict[Hashable, cedarpy.Entities] = {}

    def decide(
        self, principal: Principal, action: str, target: Target, now_us: int = 0
    ) -> Decision:
        """Say whether *principal* may do *action* to *target*, and why.

        The reasons are the names of the policies that decided. Anything unclear
        is a denial: an unknown action, a target of the wrong kind, a policy that
        fails. Whoever acts for the principal must be allowed to as well.
        """
        return self.decide_all(principal, ((action, target),), now_us)[0]

    def decide_all(
        self, principal: Principal, asked: Asked, now_us: int = 0
    ) -> tuple[Decision, ...]:
        """Decide each question of *asked* in turn, and end at the first denial."""
        decisions: list[Decision] = []
        session = _Session(self, principal, asked)
        try:
            known = self._memory.of(principal)
            for action, target in asked:
                fresh = action in PRIVILEGED and 0 < now_us <= principal.fresh_until_us
                key = _key(action, target, fresh)
                decision = known.get(key)
                if decision is None:
                    decision = session.ask(action, target, fresh=fresh)
                    self._memory.keep(known, key, decision, target)
                decisions.append(decision)
                if not decision.allowed:
                    break
        except _SENSELESS as error:
            decisions.append(self.deny(f"the question makes no sense: {error!r}"))
        return tuple(decisions)

    def get_ready(self) -> Self:
        """Have Cedar read everything now, so that no question waits for it."""
        for chosen in self._slices.values():
            _ = chosen.policies
        return self

    def declares(self, action: str) -> bool:
        """Say whether a declared policy concerns *action*.

        If none does, whoever is refused all of a kind is refused each of it.
        """
        chosen = self._slices.get(action)
        return chosen is not None and chosen.declared

    def entities(self, principal: Principal, targets: tuple[Target, ...]) -> Entities:
        """Return the entities of *principal* and *targets*, checked by the schema.

        Those of targets that belong to a snapshot are read once and kept. A
        principal has checked itself, which takes a tenth of the time.
        """
        key = tuple((t.kind, t.name, t.revision) for t in targets)
        handle = self._handles.get(key)
        if handle is None:
            text = _json([target_entity(target) for target in targets])
            handle = cedarpy.Entities.from_json_str(text, self._schema)
            if all(target.revision for target in targets):
                if len(self._handles) >= _HELD:
                    self._handles.clear()
                self._handles[key] = handle
        delta = _json([principal_entity(principal)])
        return handle.with_added_json_str(delta)

    def evaluate(
        self, request: dict[str, Any], action: str, entities: Entities
    ) -> Decision:
        """Return Cedar's answer; a policy that fails makes it a denial."""
        chosen = self._slices[action]
        result = cedarpy.is_authorized(request, chosen.policies, entities)
        diagnostics = result.diagnostics
        if diagnostics.errors:
            return self.deny(*(chosen.named(error) for error in diagnostics.errors))
        names = sorted(chosen.names[reason] for reason in diagnostics.reasons)
        reasons = tuple(names) or (NOT_PERMITTED,)
        return Decision(
            allowed=result.allowed, reasons=reasons, policy_digest=self.digest
        )

    def deny(self, *reasons: str) -> Decision:
        """Return a denial for *reasons*."""
        return Decision(allowed=False, reasons=reasons, policy_digest=self.digest)


class _Session:
    """The questions about one principal that nobody asked before.

    All share one handle of entities: making it costs as much as an answer.
    """

    def __init__(
        self, authority: CedarAuthority, principal: Principal, asked: Asked
    ) -> None:
        self._authority = authority
        self._principal = principal
        self._asked = asked
        self._entities: Entities | None = None

    def ask(self, action: str, target: Target, *, fresh: bool) -> Decision:
        """Decide for the principal, and for each that acts for it."""
        principal, authority = self._principal, self._authority
        if (fault := _fault(action, target)) is not None:
            return authority.deny(fault)
        if principal.scope is not None and action not in principal.scope:
            return authority.deny("the token's scope does not include it")
        if self._entities is None:
            targets = tuple({t.kind + t.name: t for _, t in self._asked}.values())
            self._entities = authority.entities(principal, targets)
        request = request_of(principal, action, target, fresh=fresh)
        decision = authority.evaluate(request, action, self._entities)
        for actor in principal.actors if decision.allowed else ():
            acting = _Session(authority, actor, self._asked)
            second = acting.ask(action, target, fresh=fresh)
            if not second.allowed:
                return authority.deny(*(f"{actor}: {r}" for r in second.reasons))
        return decision


def _fault(action: str, target: Target) -> str | None:
    """Say why nobody can do *action* to *target*, or return None."""
    known = ACTIONS.get(action)
    if known is None:
        return f"there is no action {action}"
    if known.kind != target.kind:
        return f"{action} is not done to a {target.kind}"
    return None


def compile_policies(project: Mapping[str, str]) -> CedarAuthority:
    """Return the authority over the built-in policies and *project*'s, by their names.

    Raises Invalid; its problems name every faulty policy and the line it begins on.
    """
    problems: list[Problem] = []
    rules = list(built_in_rules())
    for name, text in sorted(project.items()):
        faults = problems_of(name, text, _schema())
        problems += faults
        rules += [] if faults else read_rules(name, text)
    if problems:
        raise Invalid(
            "; ".join(problem.message for problem in problems),
            hint="mend the Cedar text; `roadbed plan` checks it without applying it",
            problems=tuple(problems),
        )
    return CedarAuthority(rules, _digest(project))


def compile_again(project: Mapping[str, str], before: Authority | None) -> Authority:
    """Return *before* if it is of these policies, else what compiling them gives.

    It is ready then, which takes some fifty milliseconds; and most changes are of
    something else.
    """
    if before is not None and before.digest == _digest(project):
        return before
    return compile_policies(project).get_ready()


@cache
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(cedar_schema())


def _digest(project: Mapping[str, str]) -> str:
    built_in = dict(built_in_texts())
    return digest_of(
        {"schema": cedar_schema(), "built-in": built_in, "project": dict(project)}
    )


def _json(entities: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(entities).decode()


def _key(action: str, target: Target, fresh: bool) -> Hashable:
    """Return what tells this question from others about the same principal."""
    what = target.revision or _told_apart(target.attributes)
    return action, target.kind, target.name, what, fresh


def _told_apart(attributes: Mapping[str, Any]) -> Hashable:
    """Return what tells *attributes* apart, cheaply where they are all texts."""
    if all(type(value) is str for value in attributes.values()):
        return tuple(attributes.items())
    return canonical(dict(attributes))
