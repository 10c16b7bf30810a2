"""Keeps endpoints from promising, or waiting for, what cannot fit into their time."""

from collections.abc import Iterator
from itertools import pairwise

from roadbed.control.catalog import Catalog
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem
from roadbed.inference.terms import Latency, Terms, terms_in

_PROMISES = ("p50_ms", "p95_ms", "p99_ms")


def stages_fit(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """All attempts of a chain can be waited for, one after another, in the deadline."""
    for endpoint, terms in _terms(stack):
        wait, tries = terms.deadlines.first_token_ms, _tries(terms)
        if wait and wait * tries > terms.deadline_ms:
            yield endpoint.problem(
                ("spec", "deadlines", "first_token_ms"),
                f"{tries} attempts may wait {wait * tries} ms for a first token, and "
                f"the call ends after {terms.deadline_ms} ms",
                f"write {terms.deadline_ms // tries} at most, or a longer deadline_ms",
            )
        yield from _inner(endpoint, terms)


def _inner(endpoint: Loaded, terms: Terms) -> Iterator[Problem]:
    """No stage is longer than the one that it is part of."""
    stages, end = terms.deadlines, terms.deadline_ms
    first = stages.first_token_ms or end
    hedge = terms.hedge.after_ms if terms.hedge else None
    for path, inner, outer, outside in (
        (("deadlines", "connect_ms"), stages.connect_ms, first, "first_token_ms"),
        (("deadlines", "idle_ms"), stages.idle_ms, end, "deadline_ms"),
        (("hedge", "after_ms"), hedge, first - 1, "first_token_ms"),
    ):
        if inner and inner > outer:
            where = outside if stages.first_token_ms else "deadline_ms"
            yield endpoint.problem(
                ("spec", *path),
                f"{inner} ms is never reached: {where} ends the wait before",
                f"write less than {outer + 1}",
            )


def fallbacks_are_reached(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """There are attempts enough for every fallback."""
    for endpoint, terms in _terms(stack):
        for at, pin in enumerate(terms.fallback):
            if at + 2 > terms.retries.attempts:
                yield endpoint.problem(
                    ("spec", "fallback", at),
                    f"{pin} is never asked: a call makes {terms.retries.attempts} "
                    "attempts at most",
                    "raise retries.attempts, or leave it out",
                )


def promises_can_be_kept(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """Latency is promised in order, and within the deadline."""
    for endpoint, terms in _terms(stack):
        if terms.latency is None:
            continue
        place = ("spec", "latency")
        said = _said(terms.latency)
        for (name, before), (later, after) in pairwise(said):
            if before > after:
                yield endpoint.problem(
                    (*place, name),
                    f"{name} is {before} ms, and {later} only {after} ms",
                    "fewer calls may be slower, so the limits rise",
                )
        for name, limit in (*said, *_first(terms.latency)):
            if limit > terms.deadline_ms:
                yield endpoint.problem(
                    (*place, name),
                    f"{limit} ms are promised, and after {terms.deadline_ms} ms a call "
                    "has failed",
                    "promise less, or raise deadline_ms",
                )


def _said(latency: Latency) -> list[tuple[str, int]]:
    found = ((name, getattr(latency, name)) for name in _PROMISES)
    return [(name, limit) for name, limit in found if limit is not None]


def _first(latency: Latency) -> list[tuple[str, int]]:
    limit = latency.first_token_p95_ms
    return [] if limit is None else [("first_token_p95_ms", limit)]


def _tries(terms: Terms) -> int:
    return min(1 + len(terms.fallback), terms.retries.attempts)


def _terms(stack: Stack) -> Iterator[tuple[Loaded, Terms]]:
    for endpoint in stack.of("Endpoint"):
        yield endpoint, Terms(**terms_in(endpoint.content["spec"]))


RULES = (stages_fit, fallbacks_are_reached, promises_can_be_kept)
