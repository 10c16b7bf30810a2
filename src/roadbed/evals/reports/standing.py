"""Whether the judges of an evaluation may gate, and on whose word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.core.digest import short
from roadbed.evals.certificates import Certificate, Permission, may_gate, newest
from roadbed.evals.kinds import Evaluation, Use
from roadbed.evals.running.judges import Served, certified_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One judge of an evaluation; `declared` is None where it only informs."""

    grader: str
    judge: str
    declared: float | None
    gates: bool
    certificate: Certificate | None
    permission: Permission

    @property
    def refusal(self) -> str:
        """Say why it may not gate, empty if it may or does not want to."""
        if not self.gates or self.permission.allowed:
            return ""
        return f"the judge {self.grader} may not gate: {self.permission.reason}"

    def content(self) -> dict[str, Any]:
        """Return the standing as plain JSON."""
        held = self.certificate
        return {
            "judge": self.judge,
            "declared": self.declared,
            "gates": self.gates,
            "may_gate": self.permission.allowed,
            "reason": self.permission.reason,
            "certificate": {"id": held.id, **held.document()} if held else None,
        }


def standings(
    connection: sa.Connection, spec: Evaluation, served: Served, now_us: int
) -> dict[str, Standing]:
    """Return how the judges of *spec* stand, by the names of the graders.

    Raises NotFound for an endpoint of a judge that is not there.
    """
    found = {u.name: standing_of(connection, u, served, now_us) for u in spec.graders}
    return {name: standing for name, standing in found.items() if standing}


def standing_of(
    connection: sa.Connection, use: Use, served: Served, now_us: int
) -> Standing | None:
    """Return how one grader stands, None if it asks no judge; raises NotFound."""
    judge = certified_as(use, served)
    if not judge:
        return None
    held = newest(connection, judge)
    declared = use.gate.agreement if use.gate else None
    return Standing(
        grader=use.name,
        judge=judge,
        declared=declared,
        gates=use.gate is not None,
        certificate=held,
        permission=_permission(held, now_us, judge, declared),
    )


def _permission(
    held: Certificate | None, now_us: int, judge: str, declared: float | None
) -> Permission:
    if declared is None:
        return Permission(False, "no agreement with people is declared in its gate")
    return may_gate(held, now_us, judge, declared)


def named(held: Mapping[str, Any]) -> str:
    """Return the certificate *held* in words: its name, and what it found."""
    agreed = held["findings"]["agreement"]
    share = "nothing" if agreed["value"] is None else f"{agreed['value']:.0%}"
    return (
        f"certificate {short(held['id'])}: agrees with people in {share} of "
        f"{agreed['n']} cases of {held['labels']}"
    )
