"""What a version may pin where the API puts its parameters into objects."""

from collections.abc import Collection, Mapping
from typing import Any


def misplaced(
    definition: Mapping[str, Any], known: Collection[str], usual: str
) -> str | None:
    """Return why a pinned parameter is none of *known*, or None if all are.

    *usual* is the object that the everyday ones are in, such as `generationConfig`.
    """
    pinned = (definition.get("hosted") or {}).get("parameters") or {}
    for name in sorted(pinned):
        if name not in known:
            return (
                f"it pins the parameter {name!r}, which this API has not; its words "
                f"are {', '.join(sorted(known))}, and temperature and its like stand "
                f"in {usual}"
            )
    return None
