"""Entries and frontiers as their tables hold them."""

import json
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.entry import Recorded
from roadbed.audit.merkle import Frontier, leaf_hash
from roadbed.core.digest import canonical
from roadbed.core.errors import Corrupt, Invalid

_UNREADABLE, _ESCAPED = "unreadable", "\\u"
SAID = ("at_us", "actor", "action", "resource", "outcome", "detail")
"""What an entry says, wherever it is kept."""

COLUMNS = tuple(
    sa.type_coerce(column, sa.Text).label("detail")
    if column.name == "detail"
    else column
    for column in tables.entries.c
)
"""The columns of an entry, with the detail as the text that its row holds."""


INSERT = sa.insert(
    sa.table(
        tables.entries.name,
        *(
            sa.column(c.name, sa.Text() if c.name == "detail" else c.type)
            for c in tables.entries.c
        ),
    )
)
"""Writes rows that `to_row` made, without spelling their details a second time."""


def to_row(seq: int, row: Any) -> dict[str, Any]:
    """Return the row of the log that holds *row* of the outbox at place *seq*.

    What was damaged while it waited is moved as it is, and says that of itself.
    """
    waiting = {"seq": seq, "leaf": "", **{name: getattr(row, name) for name in SAID}}
    recorded = from_row(SimpleNamespace(**waiting))
    spelled = row.detail
    if recorded.detail.keys() == {_UNREADABLE}:
        spelled = canonical(recorded.detail).decode()
    leaf = leaf_hash(recorded.spelled(seq, row.at_us, spelled)).hex()
    return waiting | {"detail": spelled, "leaf": leaf}


def from_row(row: Any) -> Recorded:
    """Return the entry in *row*, selected with COLUMNS, however damaged it may be."""
    return Recorded(
        actor=row.actor,
        action=row.action,
        resource=row.resource,
        outcome=row.outcome,
        detail=_read_detail(row.detail),
        seq=row.seq,
        at_us=row.at_us,
        leaf=row.leaf,
        stored_detail=row.detail,
    )


def frontier_of(size: int, nodes: list[str]) -> Frontier:
    """Return the frontier whose *nodes* are given in hex; raise Corrupt if none is."""
    try:
        return Frontier(size, tuple(bytes.fromhex(node) for node in nodes))
    except (TypeError, ValueError):
        raise Corrupt(
            "the tree of the audit log is damaged",
            hint="run `roadbed audit verify`: it names what is wrong",
        ) from None


def nodes_of(frontier: Frontier) -> list[str]:
    """Return the nodes of *frontier* in hex."""
    return [node.hex() for node in frontier.nodes]


def _read_detail(text: str) -> dict[str, Any]:
    try:
        detail = json.loads(text, parse_constant=_no_number)
        if _ESCAPED in text:  # it may name half a character, which none can print
            canonical(detail)
    except (Invalid, TypeError, ValueError, RecursionError):
        return {_UNREADABLE: str(text)}
    return detail if isinstance(detail, dict) else {_UNREADABLE: text}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
