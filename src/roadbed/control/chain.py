"""A chain of custody as text, for a terminal of any width."""

from collections.abc import Iterator

from roadbed.control.why import Chain, Hop
from roadbed.inference.provider import Contribution, Explanation

_BAR = 24
_LABEL = 16


def render(chain: Chain, limit: int = 10) -> str:
    """Return *chain* as lines of text, with at most *limit* contributions."""
    lines: list[str] = []
    for at, hop in enumerate(chain.hops):
        lines += _hop(hop, first=at == 0)
    if chain.explanation is not None:
        lines += ["", *_explanation(chain.explanation, limit)]
    lines += [f"note: {note}" for note in chain.notes]
    return "\n".join(lines)


def _hop(hop: Hop, *, first: bool) -> Iterator[str]:
    arrow = "" if first else "← "
    yield f"{arrow}{hop.title}: {hop.name}"
    if hop.digest:
        yield f"    {hop.digest}"
    for label, value in hop.facts:
        yield f"    {label:<{_LABEL}}{value}"
    if hop.checked:
        yield f"    checked against {hop.checked}"


def _explanation(explanation: Explanation, limit: int) -> Iterator[str]:
    yield (
        f"contributions to {explanation.output_name}: "
        f"{explanation.reference_output:.4f} for the reference input, "
        f"{explanation.output:.4f} for this one"
    )
    ranked = sorted(explanation.contributions, key=lambda c: -abs(c.amount))
    largest = max((abs(c.amount) for c in ranked), default=0.0) or 1.0
    width = max((len(c.feature) for c in ranked[:limit]), default=0)
    sampled = any(c.error for c in ranked)
    for item in ranked[:limit]:
        yield f"    {item.feature:<{width}}  {_contribution(item, largest, sampled)}"
    rest = ranked[limit:]
    if rest:
        total = sum(item.amount for item in rest)
        yield f"    {f'{len(rest)} others':<{width}}  {total:+.4f}"
    yield f"    method: {explanation.method}"


def _contribution(item: Contribution, largest: float, sampled: bool) -> str:
    bar = ("█" * round(_BAR * abs(item.amount) / largest)).ljust(_BAR)
    doubt = f" ± {item.error:.4f}" if sampled else ""
    value = f"{item.value:.5g}" if isinstance(item.value, float) else item.value
    usual = (
        f"{item.reference:.5g}" if isinstance(item.reference, float) else item.reference
    )
    return f"{item.amount:+.4f}{doubt}  {bar}  is {value}, reference {usual}"
