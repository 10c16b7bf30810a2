"""What a team declares about a model version: whose it is, what for, what to know."""

from typing import Any

import sqlalchemy as sa

from roadbed.control.state import newest_revision
from roadbed.core.reference import VersionRef
from roadbed.registry.kinds import Model


def card_of(connection: sa.Connection, ref: VersionRef) -> dict[str, Any]:
    """Return what is declared of *ref* today as plain JSON; nothing if nothing is."""
    declared = newest_revision(connection, "Model", ref.name)
    if declared is None:
        return {}
    model = Model.model_validate(declared.content["spec"])
    return {
        "owner": model.owner,
        "purposes": model.purposes,
        "prohibited_purposes": model.prohibited_purposes,
        "labels": dict(model.labels.get(str(ref.number), {})),
        "card": model.card.model_dump(mode="json", exclude_defaults=True),
    }
