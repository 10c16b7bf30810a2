"""Which change is most likely responsible: an order by rules, with its reasons.

Pure. The rules are in docs/explanation/what-changed.md:

- A change counts its `weight` times how much of it differs.
- Data that differs in a share *s* of its values can hardly move decisions by more than
  *s*: so there it is compared with the size of the effect, and large enough is enough.
- What is not known counts as half.
- The only thing that differs comes first with certainty, if nothing is unknown.
- If nothing differs, what was not recorded is left, or chance.
"""

from collections.abc import Sequence

from roadbed.control.questions.changes import Cause, Change, Effect, Section

_FLOOR = 0.05
_UNKNOWN = 0.5
_NOTICEABLE = 0.002


def rank(
    sections: Sequence[Section], effects: Sequence[Effect]
) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Return the causes, the likeliest first, and what must be said with them."""
    changes = [change for section in sections for change in section.changes]
    size = effect_size(effects)
    unknown = [section.name for section in sections if section.differs is None]
    alone = len(changes) == 1 and not unknown
    found = [_cause(change, size, alone=alone) for change in changes]
    found.sort(key=lambda c: (-c.score, _ORDER.index(c.kind), c.subject))
    if not found:
        found = [_nothing(size, unknown)] if size != 0 else []
    return tuple(found), tuple(_notes(size, unknown, len(changes)))


def effect_size(effects: Sequence[Effect]) -> float | None:
    """Return how far the metric moved that moved furthest; None if none is shared.

    If any metric is known to have become worse, only such count.
    """
    worse = [effect.size for effect in effects if effect.better is False]
    return max(worse or [effect.size for effect in effects], default=None)


def _cause(change: Change, size: float | None, *, alone: bool) -> Cause:
    score, accounts = _score(change, size)
    reasons = [change.because, accounts]
    if alone:
        score, reasons = 1.0, [*reasons, "nothing else that is recorded differs"]
    return Cause(
        kind=change.kind,
        subject=change.subject,
        score=round(score, 4),
        told=change.told,
        reason="; ".join(filter(None, reasons)),
    )


def _score(change: Change, size: float | None) -> tuple[float, str]:
    """Return the score of a change, and in words what it can account for."""
    if change.share is None:
        return change.weight * _UNKNOWN, "how much of it differs is not known"
    if change.kind != "data" or size is None or size < _NOTICEABLE:
        return change.weight * max(change.share, _FLOOR), ""
    accounts = min(1.0, change.share / size)
    told = (
        "large enough to account for all of the effect"
        if accounts >= 1
        else f"too small to account for more than about {accounts:.0%} of the effect"
    )
    return change.weight * max(accounts, _FLOOR), told


def _nothing(size: float | None, unknown: Sequence[str]) -> Cause:
    if unknown:
        return Cause(
            kind="unknown",
            subject=", ".join(unknown),
            score=0.5,
            told="nothing that both sides recorded differs",
            reason="what was not recorded cannot be ruled out, and neither can chance",
        )
    return Cause(
        kind="nondeterminism",
        subject="the training itself",
        score=0.5 if size is None else 1.0,
        told="data, code, parameters and environment are the same",
        reason="what is left is chance in training: an unset seed, or threads",
    )


def _notes(size: float | None, unknown: Sequence[str], count: int) -> list[str]:
    notes = []
    if size is None:
        notes.append("no metric is on both sides: the order goes by size alone")
    elif size < _NOTICEABLE and count:
        notes.append("no metric moved noticeably: this is what differs, not a cause")
    if unknown and count:
        notes.append(f"not recorded on a side: {', '.join(unknown)}")
    if count > 1:
        notes.append(
            "an order by rules, not a proof: change one thing at a time to be sure"
        )
    return notes


_ORDER = (
    "data",
    "features",
    "hosted",
    "parameters",
    "code",
    "environment",
    "hardware",
    "unknown",
    "nondeterminism",
)
"""Which kind goes first where scores are equal."""
