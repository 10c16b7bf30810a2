"""Which runs are wanted, as conditions on their records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.data import lineage
from roadbed.data.tables import edges
from roadbed.registry.tables import runs
from roadbed.registry.tracking.grammar import Condition, parse_filter
from roadbed.registry.tracking.tables import run_latest, run_params, run_tags
from roadbed.registry.tracking.where import pair, text, unknown

_PAIRS = {"metric": run_latest, "param": run_params, "tag": run_tags}
_TEXTS: Mapping[str, sa.ColumnElement[Any]] = {
    "run_id": runs.c.id,
    "run_name": runs.c.name,
    "status": runs.c.status,
    "user_id": runs.c.actor,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs, of all clients. Empty fields do not narrow.

    `data` is a dataset that was read, or one version of it such as `tumors@2`;
    `where` is a search as tracking clients write it: `metrics.accuracy > 0.9`.
    """

    name: str = ""
    status: str = ""
    actor: str = ""
    data: str = ""
    where: str = ""

    def conditions(self, dialect: str) -> list[sa.ColumnElement[bool]]:
        """Return what a record must be; raise Invalid for a search that is none."""
        plain = {"name": self.name, "status": self.status, "actor": self.actor}
        found = [runs.c[name] == value for name, value in plain.items() if value]
        if self.data:
            found.append(_read(self.data))
        searched = parse_filter(self.where) if self.where else []
        return [*found, *(_compiled(each, dialect) for each in searched)]


def _read(data: str) -> sa.ColumnElement[bool]:
    """Return whether a run read *data*, a name of small letters or its version."""
    node = lineage.dataset(data)
    which = edges.c.dst == node
    if "@" not in data:
        which = edges.c.dst.startswith(f"{node}@", autoescape=True)
    mine = edges.c.src == sa.literal(lineage.run("")) + runs.c.id
    return sa.exists().where(mine, edges.c.kind == lineage.READ, which)


def _compiled(condition: Condition, dialect: str) -> sa.ColumnElement[bool]:
    table = _PAIRS.get(condition.kind)
    if table is not None:
        return pair(condition, table, runs.c.id, dialect)
    if condition.kind != "attribute" or condition.key not in _TEXTS:
        raise unknown(condition, tuple(_TEXTS))
    return text(condition, _TEXTS[condition.key], dialect)
