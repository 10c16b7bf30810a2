"""What a team declares about a model version: whose it is, what for, what to know."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.control.state import newest_revision
from roadbed.core.reference import VersionRef
from roadbed.registry.kinds import Card
from roadbed.registry.proof.bom import Declared


def declared_of(connection: sa.Connection, model: str) -> Declared | None:
    """Return what is declared of *model* today, None if it never was."""
    spec = _spec(connection, model)
    if spec is None:
        return None
    return Declared(
        owner=spec["owner"],
        purposes=tuple(spec.get("purposes", ())),
        prohibited_purposes=tuple(spec.get("prohibited_purposes", ())),
        card=Card.model_validate(spec.get("card", {})),
    )


def card_of(connection: sa.Connection, ref: VersionRef) -> dict[str, Any]:
    """Return what is declared of *ref* today as plain JSON; nothing if nothing is."""
    spec, found = _spec(connection, ref.name), declared_of(connection, ref.name)
    if spec is None or found is None:
        return {}
    return {
        "owner": found.owner,
        "purposes": list(found.purposes),
        "prohibited_purposes": list(found.prohibited_purposes),
        "labels": dict(spec.get("labels", {}).get(str(ref.number), {})),
        "card": found.card.model_dump(mode="json", exclude_defaults=True),
    }


def _spec(connection: sa.Connection, model: str) -> Mapping[str, Any] | None:
    declared = newest_revision(connection, "Model", model)
    return None if declared is None else declared.content["spec"]
