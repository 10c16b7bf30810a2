"""Keeps a team from locking itself out: policies that work, and somebody who may act.

Both rules compile the policies as the server will.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from roadbed.access.actions import ANY
from roadbed.access.authority import compile_policies
from roadbed.control.catalog import Catalog
from roadbed.control.directory import directory_from
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State, policies_in
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, Problem
from roadbed.identity.directory import Subject
from roadbed.inference.snapshot import Authority

_WHO = ("ServiceAccount", "Binding", "Role", "IdentityProvider")
NEEDED = {
    "stack.apply": Target(kind="Stack", name="stack"),
    "key.create": Target(kind="Key", name=ANY),
}
"""What somebody must be able to do after every apply, and to what."""


def policies_can_be_read(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """Every policy is Cedar that the server can compile."""
    for loaded in stack.of("Policy"):
        name = loaded.resource.metadata.name
        try:
            compile_policies({name: loaded.content["spec"]["cedar"]})
        except Invalid as error:
            yield from _in_file(error, loaded)


def accounts_can_still_act(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """Somebody is left who may apply a stack, and somebody who may make keys.

    One of them is a person who can sign in, or holds a key already: a role without
    a key opens no door.
    """
    try:
        authority = compile_policies(policies_of(stack))
    except Invalid:
        return  # The rule before this one names the policy.
    if any(kind in _WHO for kind, _ in stack.broken):
        return
    everybody = list(_all(stack))
    able = {
        action: {str(who) for who in everybody if _may(authority, who, action)}
        for action in NEEDED
    }
    for action, able_ones in able.items():
        if not able_ones:
            yield _locked(f"nobody would be left who may {action}", stack)
    keyed = {f"service-account:{name}" for name in state.keyed}
    anybody = set().union(*able.values())
    people = {who for who in anybody if who.startswith("user:")}
    if all(able.values()) and keyed and not (people or anybody & keyed):
        yield _locked(
            "nobody who holds a key would be left who may apply or make keys", stack
        )


def _locked(message: str, stack: Stack) -> Problem:
    accounts = stack.of("ServiceAccount")
    return Problem(
        message=message,
        hint="keep a ServiceAccount with the roles platform-engineer and "
        "security-admin and a key that works, and policies that let it act",
        file=accounts[0].file if accounts else "",
        line=accounts[0].line if accounts else 0,
    )


def policies_of(stack: Stack) -> Mapping[str, str]:
    """Return the Cedar text of every policy and role of *stack*, by name."""
    return policies_in(loaded.content for loaded in stack.resources)


def _all(stack: Stack) -> Iterator[Principal]:
    """Yield every account, and every person that a Binding names, with their roles.

    A group may be empty, so it is nobody.
    """
    directory = directory_from(loaded.content for loaded in stack.resources)
    subjects = [Subject(kind="service-account", name=n) for n in directory.accounts]
    issuers = {company.name: issuer for issuer, company in directory.companies.items()}
    for bound in directory.bindings:
        kind, _, name = bound.partition(":")
        company, _, subject = name.partition("/")
        if kind == "user" and company in issuers:
            issuer = issuers[company]
            subjects.append(Subject(kind="user", name=subject, issuer=issuer))
    for subject in subjects:
        found = directory.find(subject)
        if found is not None:
            yield replace(found, fresh_until_us=1)


def _may(authority: Authority, principal: Principal, action: str) -> bool:
    return authority.decide(principal, action, NEEDED[action], now_us=1).allowed


def _in_file(error: Invalid, loaded: Loaded) -> Iterator[Problem]:
    """Say the problems of one policy with the file that it stands in."""
    faults = error.problems or (Problem(message=error.message, hint=error.hint),)
    name = loaded.resource.metadata.name
    for fault in faults:
        yield Problem(
            message=fault.message.removeprefix(f"policy {name}, line {fault.line}: "),
            hint=fault.hint,
            file=loaded.file,
            line=_line(fault, loaded),
        )


def _line(fault: Problem, loaded: Loaded) -> int:
    """Return the line in the file; a policy written in YAML begins below its key."""
    if loaded.file.endswith(".cedar"):
        return fault.line or 1
    return loaded.document.line(("spec", "cedar")) + fault.line
