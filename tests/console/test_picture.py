"""Chains are drawn from left to right, and nothing covers anything else."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.console.custody.layers import acyclic
from roadbed.console.custody.picture import (
    GAP,
    WIDTH,
    Edge,
    Node,
    picture,
    shorten,
)


def node(number, name="tumors@1", facts=2):
    return Node(
        key=f"k{number:02}", kind="Data", name=name, facts=("569 rows",) * facts
    )


@st.composite
def graphs(draw):
    """Up to 60 nodes, and edges of any kind among them: circles and loops too."""
    count = draw(st.integers(1, 60))
    sizes = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    ends = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=90))
    nodes = [node(n, facts=size) for n, size in enumerate(sizes)]
    return nodes, [Edge(src=f"k{a:02}", dst=f"k{b:02}") for a, b in pairs]


def touch(one, other):
    apart = (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )
    return not apart


@given(graphs())
def test_no_two_boxes_overlap_and_all_are_inside(graph):
    drawn = picture(*graph)

    assert {box.node.key for box in drawn.boxes} == {n.key for n in graph[0]}
    assert not [pair for pair in combinations(drawn.boxes, 2) if touch(*pair)]
    assert all(0 <= box.x <= drawn.width - box.width for box in drawn.boxes)
    assert all(0 <= box.y <= drawn.height - box.height for box in drawn.boxes)


@given(graphs())
def test_every_edge_runs_from_left_to_right_and_ends_at_its_boxes(graph):
    drawn = picture(*graph)
    at = {box.node.key: box for box in drawn.boxes}
    for arc in drawn.arcs:
        src, dst = at[arc.edge.src], at[arc.edge.dst]
        across = [x for x, _ in arc.points]

        assert across == sorted(across)
        assert arc.points[0] == (src.x + WIDTH, src.y + src.height / 2)
        assert arc.points[-1] == (dst.x, dst.y + dst.height / 2)
        assert dst.x >= src.x + WIDTH + GAP


@given(graphs())
def test_a_long_edge_passes_no_box(graph):
    drawn = picture(*graph)
    for arc in drawn.arcs:
        for (x, y), (to_x, _) in zip(arc.points[1::2], arc.points[2::2], strict=False):
            assert to_x - x == WIDTH
            assert not [
                box
                for box in drawn.boxes
                if box.x == x and box.y < y < box.y + box.height
            ]


@given(graphs())
def test_only_what_closes_a_circle_is_left_out(graph):
    nodes, edges = graph
    keys = [n.key for n in nodes]
    given_pairs = {(e.src, e.dst) for e in edges}
    kept = {(arc.edge.src, arc.edge.dst) for arc in picture(nodes, edges).arcs}

    assert kept <= given_pairs
    assert kept == set(acyclic(keys, kept))
    for pair in given_pairs - kept:
        assert pair not in acyclic(keys, [*sorted(kept), pair]) or pair[0] == pair[1]


@given(graphs(), st.randoms())
def test_the_same_graph_is_drawn_alike_however_its_edges_are_told(graph, random):
    nodes, edges = graph
    shuffled = list(edges)
    random.shuffle(shuffled)

    assert picture(nodes, edges) == picture(nodes, shuffled)


def test_one_node_is_a_picture_too():
    drawn = picture([node(1)], [])

    assert (drawn.width, len(drawn.boxes), drawn.arcs) == (WIDTH, 1, ())
    assert drawn.words == "Data tumors@1"
    assert picture([], []).boxes == ()


def test_sixty_nodes_in_one_layer_stand_below_one_another():
    nodes = [*map(node, range(59)), node(99)]
    drawn = picture(nodes, [Edge(src=n.key, dst="k99") for n in nodes[:-1]])
    left = [box for box in drawn.boxes if box.x == 0]

    assert len(left) == 59
    assert len({box.y for box in left}) == 59
    assert drawn.width == 2 * WIDTH + GAP


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tumors@1", "tumors@1"),
        ("a-very-long-name-of-some-model@12", "a-very-long-name…@12"),
        ("0" * 36, "0" * 15 + "…" + "0" * 4),
    ],
)
def test_a_long_name_keeps_its_number(name, shown):
    assert shorten(name) == shown
    assert picture([node(1, name)], []).boxes[0].name == shown


@given(st.text("ab@1é", max_size=90), st.integers(4, 40))
def test_a_shortened_text_fits(text, fits):
    assert len(shorten(text, fits)) <= max(fits, 0)
