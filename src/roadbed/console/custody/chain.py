"""The whole chain of a version: from its data to the calls that it answers. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from roadbed.console.custody import places
from roadbed.console.custody.asked import ChainView, Tie
from roadbed.console.custody.picture import Edge, Node
from roadbed.console.filters import CallFilter
from roadbed.console.words import plural, utc
from roadbed.control.questions.lineage import Lineage
from roadbed.control.questions.standing import Term
from roadbed.data import lineage

MOST = 60
"""As many things as are drawn; the table has all."""

Told = Callable[[str, str], tuple[str, ...]]
"""Says in few words what is known of a thing, by its kind and name."""

_WORDS = {
    lineage.MADE_BY: "made",
    lineage.GOES_ON_FROM: "went on as",
    lineage.DERIVED_FROM: "became",
    lineage.READ: "was read by",
}
_KINDS = {"dataset": "Data", "run": "Run", "model": "Version"}
_PAGES: Mapping[str, Callable[[str], str]] = {
    "dataset": places.dataset_version_page,
    "run": places.run_page,
    "model": places.version_page,
}


def view(
    whole: Lineage,
    terms: Sequence[Term],
    calls: Mapping[str, int],
    told: Told,
    *,
    beside: Sequence[Node] = (),
    hidden: bool = False,
) -> ChainView:
    """Return the chain of the version that *whole* is about, nearest things first.

    *calls* counts what each endpoint was asked of it in the last day; above 100 it is
    101. *beside* is what went into it and has no page: an upstream, documents.
    """
    subject = lineage.model(whole.version)
    bad = {f"{s.kind}:{s.name}": s.bad for s in whole.sources}
    other = {node.key: node for node in beside}
    into = [Edge(src=key, dst=subject, words="is in") for key in other]
    edges = [*_origins(whole), *into, *_services(subject, terms, calls)]
    near = _nearest(subject, edges)
    drawn = near[:MOST]
    ends = {f"endpoint:{t.endpoint}": t for t in terms}
    nodes = {
        key: other.get(key)
        or _node(key, subject, bad, told if key in drawn else _nothing)
        if key in other or key.partition(":")[0] in _KINDS
        else _served(key, ends, calls, whole.version)
        for key in near
    }
    return ChainView(
        nodes=tuple(nodes[key] for key in sorted(drawn)),
        edges=tuple(e for e in edges if e.src in drawn and e.dst in drawn),
        ties=tuple(
            Tie(src=nodes[e.src], dst=nodes[e.dst], words=e.words) for e in edges
        ),
        hidden=hidden,
        undrawn=len(near) - len(drawn),
    )


def _origins(whole: Lineage) -> Iterator[Edge]:
    """Yield the edges that lead to the version, in the direction of time."""
    for edge in whole.edges:
        words = _WORDS.get(edge.kind, edge.kind)
        role = f" for {edge.role}" if edge.role else ""
        yield Edge(src=edge.dst, dst=edge.src, words=words + role)


def _services(
    subject: str, terms: Sequence[Term], calls: Mapping[str, int]
) -> Iterator[Edge]:
    """Yield where the version answers; where it does not any more, where it did."""
    lasting = [t for t in terms if t.until_us is None]
    for term in {t.endpoint: t for t in lasting or terms}.values():
        end = f"endpoint:{term.endpoint}"
        past = term.until_us is not None
        words = f"{'served' if past and term.how == 'serves' else term.how} at"
        yield Edge(src=subject, dst=end, words=words, past=past)
        if term.endpoint in calls:
            yield Edge(
                src=end, dst=f"calls:{term.endpoint}", words="answered", past=past
            )


def _nearest(subject: str, edges: Sequence[Edge]) -> list[str]:
    """Return all keys of *edges*, those first that are fewest steps from *subject*."""
    beside: dict[str, list[str]] = {}
    for edge in edges:
        beside.setdefault(edge.src, []).append(edge.dst)
        beside.setdefault(edge.dst, []).append(edge.src)
    found = {subject: None}
    waiting = [subject]
    for key in waiting:  # It grows while it is walked.
        for other in sorted(beside.get(key, ())):
            if other not in found:
                found[other] = None
                waiting.append(other)
    return [*found, *sorted({*beside} - {*found})]


def _node(key: str, subject: str, bad: Mapping[str, str], told: Told) -> Node:
    kind, _, name = key.partition(":")
    facts = told(kind, name)
    # A run is called by its name, as people do; its id is among the facts.
    shown, *rest = facts if kind == "run" and facts else (name, *facts)
    return Node(
        key=key,
        kind=_KINDS[kind],
        name=shown,
        facts=tuple(rest),
        href=_PAGES[kind](name),
        bad=bad.get(key, ""),
        subject=key == subject,
    )


def _served(
    key: str, ends: Mapping[str, Term], calls: Mapping[str, int], version: str
) -> Node:
    kind, _, name = key.partition(":")
    if kind == "endpoint":
        term = ends[key]
        since = f"since {utc(term.since_us)[:10]}"
        if term.until_us is not None:
            since = f"until {utc(term.until_us)[:10]}"
        facts = (term.stage, since)
        href = f"/console/endpoints/{name}"
        return Node(key=key, kind="Endpoint", name=name, facts=facts, href=href)
    count = calls[name]
    asked = CallFilter(endpoint=name, model=version)
    return Node(
        key=key,
        kind="Calls",
        name=plural(count, "call") if count <= 100 else "100+ calls",
        facts=("last 24 hours",),
        href="/console/calls" + asked.query(),
    )


def _nothing(kind: str, name: str) -> tuple[str, ...]:
    return ()
