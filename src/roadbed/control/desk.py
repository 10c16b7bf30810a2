"""Where a folder becomes a plan, and a plan becomes what is live."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from roadbed.control.apply import Applied, apply
from roadbed.control.catalog import Catalog
from roadbed.control.evaluations import lacking
from roadbed.control.load import read_stack, refuse
from roadbed.control.plan import Plan, make_plan
from roadbed.control.preview import Preview
from roadbed.control.promote import Promotion, promotions
from roadbed.control.questions.standing import condemned
from roadbed.control.readable import pins_of
from roadbed.control.retiring import of_stack
from roadbed.control.rolling import Turn, turns
from roadbed.control.stack import Stack
from roadbed.control.state import current, tenants_of
from roadbed.control.validate import check
from roadbed.core.clock import Clock, to_us
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.core.reference import VersionRef
from roadbed.database.engine import Database
from roadbed.identity.keys import list_keys
from roadbed.ports.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A checked stack and the plan that makes it live.

    `turns` say what rollouts begin and end, and `warnings` are what speaks against it
    and does not forbid it.
    """

    stack: Stack
    plan: Plan
    promotions: tuple[Promotion, ...] = ()
    turns: tuple[Turn, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def promoted(self) -> tuple[Target, ...]:
        """Return what the applier must be allowed `version.promote` on, besides."""
        return tuple(target for p in self.promotions for target in p.targets)

    @property
    def immediate(self) -> tuple[Target, ...]:
        """Return what the applier must be allowed `rollout.immediate` on, besides."""
        return tuple(target for turn in self.turns for target in turn.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Plans and applies; whoever calls it has asked for permission before."""

    database: Database
    blobs: Blobs
    catalog: Catalog
    clock: Clock

    def propose(self, folder: Path) -> Proposal:
        """Return what applying *folder* would change; change nothing.

        Raises Invalid with every problem of the folder: those of reading it, and
        those of what it says.
        """
        stack, problems = read_stack(folder)
        with self.database.read() as connection:
            now_us = to_us(self.clock.now())
            keys = [key for key in list_keys(connection) if key.live(now_us)]
            keyed = frozenset(key.account for key in keys)
            state = replace(
                current(connection), keyed=keyed, tenants=tenants_of(connection)
            )
            bad = condemned(connection, _pins(stack))
        refuse(problems + check(stack, state, self.catalog))
        promoted = promotions(stack, state)
        with self.database.read() as connection:
            seen = Preview(live=state, stack=stack)
            lacks = tuple(lacking(connection, seen, promoted, "", now_us))
        old = of_stack(stack, state, self.clock.now().date())
        return Proposal(
            stack=stack,
            plan=make_plan(stack, state),
            promotions=promoted,
            turns=turns(stack, state),
            warnings=tuple(map(str, (*old, *bad, *lacks))),
        )

    def apply(self, proposal: Proposal, actor: str) -> Applied:
        """Make *proposal* live.

        Raises Conflict if anything moved since, Denied if a version that it puts
        into production has not been approved by enough others, and GateFailed if it
        has not passed the evaluations of its endpoint.
        """
        return apply(
            self.database,
            self.blobs,
            self.clock,
            proposal.stack,
            proposal.plan,
            actor,
        )


def _pins(stack: Stack) -> Iterator[tuple[str, VersionRef]]:
    """Yield each endpoint of *stack* with each version that it soundly pins."""
    for loaded in stack.resources:
        spec = loaded.content.get("spec")
        if loaded.key[0] == "Endpoint" and isinstance(spec, dict) and "model" in spec:
            with suppress(Invalid):
                yield from ((loaded.key[1], ref) for ref in pins_of(loaded.content))
