"""What a stack must say of access before it may be applied: names that exist.

A role, an action or a provider that nobody declared would silently give nothing.
"""

from collections.abc import Iterable, Iterator

from roadbed.access.actions import ACTIONS
from roadbed.access.roles import ROLES
from roadbed.control.catalog import Catalog
from roadbed.control.fields import did_you_mean
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem

_HOLDERS = ("ServiceAccount", "Agent", "Binding")


def roles_exist(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """Whoever holds a role holds one that is built in, or declared."""
    known = [*ROLES, *stack.names("Role")]
    for kind in _HOLDERS:
        for loaded in stack.of(kind):
            roles = loaded.content["spec"]["roles"]
            yield from _unknown(loaded, "roles", roles, known, "role")


def roles_are_new(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """A declared role takes no built-in role's name, and its actions exist."""
    for loaded in stack.of("Role"):
        name = loaded.resource.metadata.name
        if name in ROLES:
            yield loaded.problem(
                ("metadata", "name"),
                f"{name} is a built-in role",
                "give yours another name; a Policy can permit the built-in one more",
            )
        actions = loaded.content["spec"]["actions"]
        yield from _unknown(loaded, "actions", actions, ACTIONS, "action")


def mandates_name_actions(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An agent's mandate names actions that exist."""
    for loaded in stack.of("Agent"):
        mandate = loaded.content["spec"]["mandate"]
        yield from _unknown(loaded, "mandate", mandate, ACTIONS, "action")


def subjects_exist(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """A Binding binds what is declared; its people are of a declared provider."""
    for loaded in stack.of("Binding"):
        for at, subject in enumerate(loaded.content["spec"]["subjects"]):
            yield from _nobody(loaded, ("spec", "subjects", at), subject, stack)


def listed_exist(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """A list of who may do something to a model's versions names what is declared."""
    for loaded in stack.of("Model"):
        spec = loaded.content["spec"]
        lists: dict[tuple[str, ...], dict[str, list[str] | None]] = {
            ("spec", "access"): spec["access"] or {}
        }
        for number, access in spec["versions"].items():
            lists["spec", "versions", number] = access
        for place, access in lists.items():
            for name, whoever in access.items():
                for at, who in enumerate(whoever or ()):
                    yield from _nobody(loaded, (*place, name, at), who, stack)


def _nobody(
    loaded: Loaded, place: tuple[str | int, ...], who: str, stack: Stack
) -> Iterator[Problem]:
    """Yield a problem if nobody can be called *who* in this stack."""
    kind, _, name = who.partition(":")
    wanted = {
        "service-account": "ServiceAccount",
        "agent": "Agent",
        "user": "IdentityProvider",
        "group": "IdentityProvider",
        "role": "Role",
    }[kind]
    name = name.partition("/")[0]
    if stack.declares(wanted, name) or (kind == "role" and name in ROLES):
        return
    known = [*stack.names(wanted), *(ROLES if kind == "role" else ())]
    hint = did_you_mean(name, known, f"declare a {wanted} of this name")
    yield loaded.problem(place, f"{who}: there is no {wanted} called {name!r}", hint)


def _unknown(
    loaded: Loaded, field: str, names: Iterable[str], known: Iterable[str], what: str
) -> Iterator[Problem]:
    known = list(known)
    for at, name in enumerate(names):
        if name not in known:
            place = ("spec", field, at)
            hint = did_you_mean(name, known)
            yield loaded.problem(place, f"there is no {what} {name!r}", hint)


RULES = (
    roles_are_new,
    roles_exist,
    mandates_name_actions,
    subjects_exist,
    listed_exist,
)
