"""Lineage: which thing came out of which, as typed edges between named nodes.

A node is a text such as `dataset:tumors@1`, `run:0199…` or `model:triage@3`. An edge
goes from the newer thing to what it came out of. The table is an index of what the
audited rows say: questions are answered from it, proofs never are.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.data.tables import edges
from roadbed.database.upsert import upsert

READ = "read"
"""A run read a dataset version, in some role."""
MADE_BY = "made_by"
"""A model version or a dataset version was made by a run."""
GOES_ON_FROM = "goes_on_from"
"""A model version was trained on from another version."""
DERIVED_FROM = "derived_from"
"""A dataset version was made out of another one."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """*src* came out of *dst*; `role` says what it was to it, where that matters."""

    src: str
    kind: str
    dst: str
    role: str = ""


def dataset(ref: object) -> str:
    """Return the node of a dataset version."""
    return f"dataset:{ref}"


def run(run_id: str) -> str:
    """Return the node of a run."""
    return f"run:{run_id}"


def model(ref: object) -> str:
    """Return the node of a model version."""
    return f"model:{ref}"


def link(connection: sa.Connection, found: Iterable[Edge]) -> None:
    """Add edges, in the caller's transaction; those that are there stay as they are."""
    upsert(connection, edges, [asdict(edge) for edge in sorted(set(found))])


def sources(connection: sa.Connection, node: str) -> list[Edge]:
    """Return what *node* came out of directly, in order."""
    return _edges(connection, sa.select(*_COLUMNS).where(edges.c.src == node))


def uses(connection: sa.Connection, node: str) -> list[Edge]:
    """Return what came out of *node* directly, in order."""
    return _edges(connection, sa.select(*_COLUMNS).where(edges.c.dst == node))


def ancestors(connection: sa.Connection, node: str) -> list[Edge]:
    """Return every edge between *node* and all that it came out of, in the end."""
    return _closure(connection, node, "src", "dst")


def descendants(connection: sa.Connection, node: str) -> list[Edge]:
    """Return every edge between *node* and all that came out of it, in the end."""
    return _closure(connection, node, "dst", "src")


def _closure(connection: sa.Connection, node: str, near: str, far: str) -> list[Edge]:
    """Follow edges from *near* to *far*; a circle ends where it closes."""
    reached = sa.select(sa.literal(node).label("node")).cte("reached", recursive=True)
    step = sa.select(edges.c[far]).join(reached, edges.c[near] == reached.c.node)
    reached = reached.union(step)
    query = sa.select(*_COLUMNS).join(reached, edges.c[near] == reached.c.node)
    return _edges(connection, query)


_COLUMNS = tuple(edges.c[name] for name in Edge.__slots__)


def _edges(connection: sa.Connection, query: sa.Select[Any]) -> list[Edge]:
    """Return the edges that are found, in order: rows are sorted as they come."""
    found = sorted(map(tuple, connection.execute(query).all()))
    return [Edge(*row) for row in found]
