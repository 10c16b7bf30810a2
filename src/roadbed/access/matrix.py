"""The permission matrix as text: what each role may do to which kind."""

from roadbed.access.actions import ACTIONS, ANY, Action
from roadbed.access.authority import CedarAuthority, compile_policies
from roadbed.access.roles import ROLES
from roadbed.core.actor import Principal
from roadbed.core.decision import Target

YES, NO = "\N{CHECK MARK}", "\N{MIDDLE DOT}"


def table() -> str:
    """Return the matrix of the built-in roles, one line for each action.

    Every cell is a decision that was asked for, not a policy that was read.
    """
    authority = compile_policies({})
    left = max(len(name) for name in ACTIONS) + 2
    middle = max(len(action.kind) for action in ACTIONS.values()) + 2
    head = "action".ljust(left) + "kind".ljust(middle) + "  ".join(ROLES)
    lines = [head]
    for action in ACTIONS.values():
        cells = "  ".join(
            (YES if allows(authority, role, action) else NO).center(len(role))
            for role in ROLES
        )
        line = action.name.ljust(left) + action.kind.ljust(middle) + cells
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def allows(authority: CedarAuthority, role: str, action: Action) -> bool:
    """Say whether an account with *role* and no other may do *action*."""
    holder = Principal(
        kind="service-account", name=role, roles=frozenset({role}), fresh_until_us=1
    )
    target = Target(kind=action.kind, name=ANY)
    return authority.decide(holder, action.name, target, now_us=1).allowed
