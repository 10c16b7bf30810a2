"""What a caller says about a call in headers: what to count it under, and for whom."""

import re

from roadbed.core.errors import Invalid
from roadbed.inference.snapshot import Deployment, Unit

RUN = b"x-roadbed-run"
"""The header that names the run of an agent."""
LABELS = b"x-roadbed-labels"
"""The header with labels: `team=search, feature=summary`."""
ARM = b"x-roadbed-arm"
"""The header that chooses one of two versions, for who may: `old` or `new`."""
UNITS: dict[Unit, bytes] = {"user": b"x-roadbed-user", "session": b"x-roadbed-session"}
"""The headers that name who stays with one version, while another takes over."""
MOST, LONGEST = 16, 4096
_LABEL = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,62})=([A-Za-z0-9_.:/@ -]{0,128})")


def labels_in(header: str) -> dict[str, str]:
    """Return the labels of *header*; raise Invalid for what are none, or too many."""
    parts = list(filter(None, map(str.strip, header[:LONGEST].split(","))))
    found = [pair.groups() for pair in map(_LABEL.fullmatch, parts) if pair is not None]
    if len(found) != len(parts) or len(found) > MOST or len(header) > LONGEST:
        raise Invalid(
            "the header X-Roadbed-Labels does not hold labels",
            hint=f"write at most {MOST}, as in: team=search, feature=summary",
        )
    return {name: value.strip() for name, value in found}


def side_in(header: str) -> str:
    """Return the version that *header* chooses, empty if none; raise Invalid."""
    if header in ("", "old", "new"):
        return header
    raise Invalid(
        "the header X-Roadbed-Arm does not say which version",
        hint="write old or new, or leave it out",
    )


def unit_header(deployment: Deployment | None) -> bytes | None:
    """Return the header that names who is assigned as a whole, None if none does."""
    arms = deployment.arms if deployment else None
    return UNITS.get(arms.unit) if arms else None
