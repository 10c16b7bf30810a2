"""Which versions a plan puts into production, and who must have vouched for them."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.control.answering import answering
from roadbed.control.directory import directory_of
from roadbed.control.plan import next_version, pins
from roadbed.control.readable import Content, version_target
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.decision import Target
from roadbed.core.digest import digest_of
from roadbed.core.errors import Denied
from roadbed.core.reference import VersionRef
from roadbed.inference.snapshot import ModelVersion
from roadbed.registry.approvals import approvers
from roadbed.registry.versions import get_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A version that an endpoint in production neither pinned nor served before.

    `targets` are the version under the lists that are live and under those that are
    declared: promoting must be allowed under both, or who may apply could first
    write themselves onto the list. For the same reason `needed` is the larger
    number of approvals.
    """

    endpoint: str
    ref: VersionRef
    needed: int
    targets: tuple[Target, ...]


def promotions(stack: Stack, state: State) -> tuple[Promotion, ...]:
    """Return what *stack* promotes that *state* does not have in production."""
    return tuple(
        _promotion(endpoint, pin, stack, state)
        for endpoint, pin, _ in pins(stack)
        if _is_new(endpoint, pin, state)
    )


def must_be_approved(
    connection: sa.Connection, promoted: tuple[Promotion, ...], applier: str
) -> None:
    """Raise Denied unless enough people approved each version that is promoted.

    Neither who made a version counts, nor who promotes it.
    """
    for promotion in promoted:
        version = get_version(connection, promotion.ref)
        found = approvers(connection, version, applier) if promotion.needed else ()
        if len(found) < promotion.needed:
            people = f"{promotion.needed} other" if promotion.needed > 1 else "another"
            raise Denied(
                f"{promotion.ref} has {len(found)} of the {promotion.needed} approvals "
                f"that endpoint {promotion.endpoint} in production takes",
                hint=f"{people} than who made it and who applies: "
                f"`roadbed model approve {promotion.ref}`",
            )


def of_the_stack(version: Target) -> Target:
    """Return *version* as what a stack puts into production, whosever it is.

    A stack is the platform's: who may apply it applies it for all tenants.
    """
    attributes = {**version.attributes, "tenant": DEFAULT_TENANT}
    return Target.fixed(version.kind, version.name, attributes)


def _is_new(endpoint: Loaded, pin: VersionRef, state: State) -> bool:
    if endpoint.content["spec"]["stage"] != "production":
        return False
    live = state.resources.get(endpoint.key)
    if live is None or live.content["spec"]["stage"] != "production":
        return True
    newest = state.rolling.get(live.name)
    return pin not in answering(live.content, newest)


def _promotion(
    endpoint: Loaded, pin: VersionRef, stack: Stack, state: State
) -> Promotion:
    declared = list(_models(pin.name, stack, state))
    version = state.version(pin) or _made(pin, stack, state)
    providers = {p.name: p.content for p in state.of("Provider")}
    providers |= {p.key[1]: p.content for p in stack.of("Provider")}
    directory = directory_of(state)
    targets = [
        of_the_stack(version_target(model, version, directory, providers))
        for model in declared
    ]
    return Promotion(
        endpoint=endpoint.key[1],
        ref=pin,
        needed=max((m["spec"].get("approvals", 0) for m in declared), default=0),
        targets=tuple({t.revision: t for t in targets}.values()),
    )


def _models(name: str, stack: Stack, state: State) -> Iterator[Content]:
    """Yield what is declared of the model *name*: live, and in the stack."""
    live, loaded = state.resources.get(("Model", name)), stack.by_key["Model", name]
    if live is not None:
        yield live.content
    yield loaded.content


def _made(pin: VersionRef, stack: Stack, state: State) -> ModelVersion:
    """Return the version that this plan is about to make."""
    made = next_version(stack.by_key["Model", pin.name].content, state)
    definition = made[1] if made else {}
    return ModelVersion(
        model=pin.name,
        number=pin.number,
        digest=digest_of(definition),
        definition=definition,
    )
