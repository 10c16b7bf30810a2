"""Edges lead from a thing to what it came out of, and back, in any shape."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.data.lineage import (
    DERIVED_FROM,
    Edge,
    ancestors,
    dataset,
    descendants,
    link,
    sources,
    uses,
)
from roadbed.data.tables import edges as table

A, B, C, D = (dataset(f"{name}@1") for name in "abcd")


def derived(src, dst):
    return Edge(src, DERIVED_FROM, dst)


def test_an_edge_is_found_from_both_of_its_ends(database):
    with database.write() as connection:
        link(connection, [derived(B, A), derived(C, A)])
        link(connection, [derived(B, A)])

        assert sources(connection, B) == [derived(B, A)]
        assert uses(connection, A) == [derived(B, A), derived(C, A)]
        assert sources(connection, A) == []


def test_the_whole_way_is_followed_and_a_circle_ends(database):
    with database.write() as connection:
        link(connection, [derived(C, B), derived(B, A), derived(D, C), derived(A, D)])

        everything = sorted(
            [derived(C, B), derived(B, A), derived(D, C), derived(A, D)]
        )
        assert ancestors(connection, C) == everything
        assert descendants(connection, A) == everything


@given(pairs=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ancestors_are_what_walking_by_hand_finds(sqlite_database, pairs):
    found = {derived(f"x:{a}", f"x:{b}") for a, b in pairs}
    reached, todo = set(), ["x:0"]
    while todo:
        near = todo.pop()
        if near not in reached:
            reached.add(near)
            todo += [e.dst for e in found if e.src == near]
    with sqlite_database.write() as connection:
        connection.execute(table.delete())
        link(connection, found)
        assert ancestors(connection, "x:0") == sorted(
            e for e in found if e.src in reached
        )
