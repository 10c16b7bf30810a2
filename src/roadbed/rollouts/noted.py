"""The evidence of a transition as plain JSON: what is kept, and shown to people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from roadbed.rollouts.evidence import Evidence
from roadbed.rollouts.presence import Replica
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.shown import balance, tiles


def noted(
    after: Rollout, evidence: Evidence, replicas: Sequence[Replica]
) -> dict[str, Any]:
    """Return what led to *after*: its last look, and all that is known by now.

    `guardrails` and `ratio` hold what each bet is worth, and at what it is decided.
    """
    last = {name: both.risk or both for name, both in evidence.looks.items()}
    look = {
        name: {"old": asdict(both.old), "new": asdict(both.new)}
        for name, both in last.items()
    }
    return {
        "units": {"old": evidence.old, "new": evidence.new, "seen": evidence.seen},
        "weight": evidence.weight,
        "look": look,
        "tripped": list(evidence.tripped),
        "ready": evidence.ready,
        "back": evidence.back,
        "replicas": {r.name: r.state for r in replicas},
        "guardrails": {tile.name: asdict(tile) for tile in tiles(after)},
        "ratio": asdict(balance(after)),
    }
