"""May this data be used for that model? Its purposes say so."""

from collections.abc import Mapping
from typing import Any


def unfit_for(dataset: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Say why a model with this spec may not be trained on that dataset, or "".

    The data must be for every purpose that the model is meant for. A model that
    names no purpose is meant for anything, and no data is.
    """
    allowed, wanted = list(dataset["purposes"]), list(model.get("purposes", ()))
    told = f"it is for {', '.join(allowed)}"
    if not wanted:
        return f"may not be used for a model without purposes: {told}"
    beyond = [purpose for purpose in wanted if purpose not in allowed]
    if beyond:
        return f"may not be used for {', '.join(beyond)}: {told}"
    return ""
