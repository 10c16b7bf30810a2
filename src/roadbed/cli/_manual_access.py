"""The reference page of access: the roles, the actions, and who may do what."""

_INTRO = """\
# Access

Every route, tool and command is one action; every action is asked for. A service
account has roles (`spec.roles`); what no policy allows is denied. Policies of the
stack may permit more, or forbid: what is forbidden stays forbidden. A stack may
declare roles of its own (kind Role) and give roles to people, accounts and agents
(kind Binding); a Model may say who may do what to its versions."""


def access_page() -> str:
    """Return the page as Markdown: roles, actions, and the matrix of both."""
    from roadbed.access.actions import ACTIONS
    from roadbed.access.matrix import table
    from roadbed.access.roles import ROLES

    roles = [f"| `{name}` | {said} |" for name, said in ROLES.items()]
    actions = [f"| `{a.name}` | {a.kind} | {a.sentence} |" for a in ACTIONS.values()]
    lines = [_INTRO, "", "## Roles", "", "| role | what it is for |", "|---|---|"]
    lines += [*roles, "", "## Actions", "", "| action | on | what it allows |"]
    lines += ["|---|---|---|", *actions, "", "## Who may do what", ""]
    lines += ["The built-in roles, without the policies of a stack.", ""]
    return "\n".join([*lines, "```text", table().rstrip(), "```", ""])
