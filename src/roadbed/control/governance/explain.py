"""Who can do what to which thing, and why: asked, not read off the policies."""

from collections.abc import Iterator
from dataclasses import dataclass

from roadbed.access.rules import BUILT_IN
from roadbed.control.governance.rulebook import Rulebook
from roadbed.control.readable import LISTS
from roadbed.core.actor import Principal
from roadbed.core.errors import NotFound

GUARDS = ("tenants", "residency", "agents", "freshness", "versions")
"""The built-in policies that no project can lift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether somebody may do something, and what that rests on.

    `action` and `target` are what the answer fell on: a call needs the endpoint and
    the version. `roles` say where they come from; `guards` are those that forbid it.
    """

    who: str
    allowed: bool
    action: str
    target: str
    policies: list[str]
    roles: list[str]
    guards: list[str]
    digest: str


def can(book: Rulebook, who: str, action: str, target: str) -> Answer:
    """Say whether *who* may do *action* to *target*; raise NotFound or Invalid.

    *who* is thought of as having signed in just now.
    """
    principal = book.principal(who)
    if principal is None:
        raise NotFound(
            f"nobody is called {who!r}",
            hint="service-account:NAME, agent:NAME, user:PROVIDER/SUBJECT or "
            "group:PROVIDER/GROUP, as the stack declares them",
        )
    (on, what), decision = book.decide(principal, book.questions(action, target))
    return Answer(
        who=who,
        allowed=decision.allowed,
        action=on,
        target=str(what),
        policies=list(decision.reasons),
        roles=sorted(_sources(book, who, principal)),
        guards=[r for r in decision.reasons if is_guard(r)],
        digest=decision.policy_digest,
    )


def who(book: Rulebook, action: str, target: str) -> list[Answer]:
    """Return everybody that the stack names who may do *action* to *target*."""
    answers = [can(book, name, action, target) for name in everybody(book)]
    return [answer for answer in answers if answer.allowed]


def everybody(book: Rulebook) -> list[str]:
    """Return all accounts and agents, and each person and group that is named."""
    names = {f"service-account:{name}" for name in book.directory.accounts}
    names |= {f"agent:{name}" for name in book.directory.agents}
    named = set(book.directory.bindings) | set(_listed(book))
    names |= {name for name in named if name.startswith(("user:", "group:"))}
    return sorted(name for name in names if book.principal(name) is not None)


def is_guard(reason: str) -> bool:
    """Say whether the policy with this name is one of the built-in guards."""
    return reason.removeprefix(BUILT_IN).partition("#")[0] in GUARDS and (
        reason.startswith(BUILT_IN)
    )


def _listed(book: Rulebook) -> Iterator[str]:
    for (kind, _), content in book.contents.items():
        if kind == "Model":
            spec = content["spec"]
            every = [spec.get("access") or {}, *spec.get("versions", {}).values()]
            for lists in every:
                for name in LISTS:
                    yield from lists.get(name) or ()


def _sources(book: Rulebook, who: str, principal: Principal) -> Iterator[str]:
    """Yield each role of *principal* with what gives it."""
    kind, _, name = who.partition(" (")[0].partition(":")
    kinds = {"service-account": "ServiceAccount", "agent": "Agent"}
    declared = book.contents.get((kinds.get(kind, ""), name))
    own = declared["spec"]["roles"] if declared else ()
    yield from (f"{role} (declared)" for role in own)
    called = {who, *(f"group:{group}" for group in principal.groups)}
    for (what, binding), content in book.contents.items():
        if what == "Binding" and called & set(content["spec"]["subjects"]):
            for role in content["spec"]["roles"]:
                yield f"{role} (Binding/{binding})"
