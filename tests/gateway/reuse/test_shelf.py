"""Answers have bounded room, and the least used of them leaves first."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.reuse.likeness import Form
from roadbed.gateway.reuse.shelf import Shelf, size_of
from roadbed.inference.call import Chunk, ToolPiece

WHOLE = Form(stream=False, usage=False)


def a_key(number):
    return number.to_bytes(32, "big")


def test_what_is_kept_is_found_until_it_is_dropped():
    shelf = Shelf(1 << 20)
    shelf.put(a_key(1), [Chunk(text="a")], WHOLE, 5.0)
    kept = shelf.find(a_key(1))
    shelf.drop(a_key(1))

    assert (kept.chunks, kept.at_s, kept.form) == ((Chunk(text="a"),), 5.0, WHOLE)
    assert shelf.find(a_key(1)) is None
    assert (shelf.bytes, len(shelf)) == (0, 0)


def test_an_answer_that_would_fill_the_shelf_is_not_kept_nor_the_one_before():
    shelf = Shelf(80_000)
    shelf.put(a_key(1), [Chunk(text="a")], WHOLE, 0.0)
    shelf.put(a_key(1), [Chunk(raw=b"x" * 10_001)], WHOLE, 0.0)

    assert (shelf.find(a_key(1)), shelf.bytes) == (None, 0)


def test_the_size_covers_what_a_chunk_holds():
    piece = ToolPiece(index=0, arguments="a" * 1000)
    heavy = Chunk(
        text="t" * 1000,
        raw=b"r" * 1000,
        tools=(piece,),
        vectors=([0.5] * 1000,),
        annotations=({"url": "u" * 1000},),
    )

    assert size_of(heavy) > 5 * 1000 + 8 * 1000


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["put", "find", "drop"]),
        st.integers(0, 9),
        st.integers(0, 3000),
    ),
    max_size=60,
)


@given(MOVES, st.integers(1, 6), st.integers(20_000, 40_000))
def test_it_is_a_least_recently_used_list_within_both_bounds(moves, most, room):
    shelf, model = Shelf(room, most), OrderedDict()
    for move, number, size in moves:
        name, chunk = a_key(number), Chunk(raw=b"x" * size)
        if move == "find":
            found = shelf.find(name)
            assert (found.chunks[0].raw if found else None) == model.get(name)
            if found:
                model.move_to_end(name)
            continue
        model.pop(name, None)
        if move == "drop":
            shelf.drop(name)
            continue
        shelf.put(name, [chunk], WHOLE, 0.0)
        if 512 + size_of(chunk) <= room // 8:
            model[name] = chunk.raw
        while len(model) > most or taken(model) > room:
            model.popitem(last=False)

        assert shelf.bytes == taken(model) <= room
        assert len(shelf) == len(model) <= most


def taken(model):
    return sum(512 + size_of(Chunk(raw=raw)) for raw in model.values())
