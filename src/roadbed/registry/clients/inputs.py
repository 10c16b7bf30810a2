"""Which dataset versions a tracking client means by the data that it says it read.

A client's own digest is of some of the rows and tells nothing. A version is meant
where the data is called `NAME@N`, or `NAME` with a digest that begins the version's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.core.digest import PREFIX
from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME, parse
from roadbed.data.tables import dataset_versions
from roadbed.registry.runs import Input

_HEX = re.compile(r"[0-9a-f]{8,64}")
_ROLES = {"": "training", "train": "training", "testing": "test", "eval": "evaluation"}


def recognised(
    connection: sa.Connection, said: Mapping[str, Any], may: Callable[[str], bool]
) -> Input | None:
    """Return the version that *said*, a row of the inputs, means, if it is ours.

    *may* says whether the caller may read a dataset: of one that they may not read
    nothing is told, not even that it is there.
    """
    meant = _meant(said)
    if meant is None:
        return None
    table = dataset_versions
    query = sa.select(table.c.name, table.c.number, table.c.digest).where(meant)
    found = connection.execute(query.order_by(table.c.number.desc())).first()
    if found is None or not may(found.name):
        return None
    context = str(said["context"])
    return Input(
        role=_ROLES.get(context, context),
        dataset=found.name,
        number=found.number,
        digest=found.digest,
    )


def _meant(said: Mapping[str, Any]) -> sa.ColumnElement[bool] | None:
    table, name = dataset_versions, str(said["name"])
    try:
        ref = parse(name)
    except Invalid:
        digest = str(said["digest"]).removeprefix(PREFIX)
        if not re.fullmatch(NAME, name) or not _HEX.fullmatch(digest):
            return None
        return (table.c.name == name) & table.c.digest.startswith(PREFIX + digest)
    return (table.c.name == ref.name) & (table.c.number == ref.number)
