"""Answers as text for a terminal."""

from collections.abc import Iterator

from roadbed.control.questions.changes import Changes, Section

_DIFF_LINES = 60


def render(changes: Changes) -> str:
    """Return *changes* as lines of text, the likeliest cause first."""
    return "\n".join(_lines(changes))


def _lines(changes: Changes) -> Iterator[str]:
    yield f"{changes.left} → {changes.right}"
    for effect in changes.effects:
        word = {True: ", better", False: ", worse", None: ""}[effect.better]
        delta = effect.right - effect.left
        yield (
            f"  {effect.metric:<20}{effect.left:.4f} → {effect.right:.4f}"
            f"  ({delta:+.4f}{word})"
        )
    yield ""
    yield "most likely responsible" if changes.causes else "nothing differs"
    for at, cause in enumerate(changes.causes[:10], 1):
        yield f"{at:>3}. {cause.kind}: {cause.subject}  [{cause.score:.2f}]"
        for part in cause.told.split("; "):
            yield f"       {part}"
        yield f"       because {cause.reason}"
    if len(changes.causes) > 10:
        yield f"     … and {len(changes.causes) - 10} more, in --output json"
    yield ""
    for section in changes.sections:
        yield from _section(section)
    for note in changes.notes:
        yield f"note: {note}"


def _section(section: Section) -> Iterator[str]:
    word = {True: "differs", False: "the same", None: "not recorded"}[section.differs]
    if section.name == "evaluation" and not section.lines:
        word = "no evaluation reports yet"
    yield f"{section.name:<14}{word}"
    if section.name == "evaluation":
        yield from (f"    {line}" for line in section.lines)
    text = section.text.splitlines()
    yield from (f"    {line}" for line in text[:_DIFF_LINES])
    if len(text) > _DIFF_LINES:
        yield f"    … {len(text) - _DIFF_LINES} more lines, in --output json"
