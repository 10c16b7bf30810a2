"""What a server and its helper say to one another about sealed calls."""

from typing import Any

import msgspec

from roadbed.gateway.history import CallQuery, Span, Spend, Tally
from roadbed.inference.record import CallRecord, Payload


class Copy(msgspec.Struct, tag=True, frozen=True):
    """Write the lines of a file as Parquet; `longest` is the longest line's length."""

    dataset: str
    lines: str
    longest: int
    target: str


class Find(msgspec.Struct, tag=True, frozen=True):
    """One call of a file."""

    file: str
    call_id: str


class Said(msgspec.Struct, tag=True, frozen=True):
    """One payload of a file."""

    file: str
    call_id: str


class Search(msgspec.Struct, tag=True, frozen=True):
    """The newest calls that match."""

    files: list[str]
    query: CallQuery


class Records(msgspec.Struct, tag=True, frozen=True):
    """Every call of a file."""

    file: str


class Payloads(msgspec.Struct, tag=True, frozen=True):
    """Every payload of a file."""

    file: str


class Count(msgspec.Struct, tag=True, frozen=True):
    """The calls of a span, counted."""

    files: list[str]
    span: Span


class Add(msgspec.Struct, tag=True, frozen=True):
    """The cost of the calls of a span, added up."""

    files: list[str]
    span: Span
    label: str


Question = Copy | Find | Said | Search | Records | Payloads | Count | Add
SHAPES: dict[type, Any] = {
    Copy: int,
    Find: CallRecord | None,
    Said: Payload | None,
    Search: list[CallRecord],
    Records: list[CallRecord],
    Payloads: list[Payload],
    Count: list[Tally],
    Add: list[Spend],
}
"""What each question is answered with."""
