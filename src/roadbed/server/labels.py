"""What a caller says a call is counted under: a run of an agent, and labels."""

import re

from roadbed.core.errors import Invalid

RUN = b"x-roadbed-run"
"""The header that names the run of an agent."""
LABELS = b"x-roadbed-labels"
"""The header with labels: `team=search, feature=summary`."""
MOST = 16
_LABEL = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,62})=([A-Za-z0-9_.:/@ -]{0,128})")


def labels_in(header: str) -> dict[str, str]:
    """Return the labels of *header*; raise Invalid for what are none, or too many."""
    if not header:
        return {}
    pairs = [_LABEL.fullmatch(part.strip()) for part in header[:4096].split(",")]
    found = [pair.groups() for pair in pairs if pair is not None]
    if len(found) != len(pairs) or len(found) > MOST:
        raise Invalid(
            "the header X-Roadbed-Labels does not hold labels",
            hint=f"write at most {MOST}, as in: team=search, feature=summary",
        )
    return {name: value.strip() for name, value in found}
