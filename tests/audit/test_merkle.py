"""The tree against RFC 6962's reference vectors, and against itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.merkle import (
    EMPTY,
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The reference leaves and roots that Certificate Transparency's own tests use.
DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(data) for data in DATA]
sizes = st.integers(1, 130)


def grow(size):
    return [leaf_hash(str(n).encode()) for n in range(size)]


def by_definition(leaves):
    """The root exactly as RFC 6962, section 2.1, defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_roots_are_those_of_the_reference_tree():
    assert root([]) == EMPTY_ROOT
    for size, expected in enumerate(ROOTS, 1):
        assert root(LEAVES[:size]).hex() == expected


def test_an_inclusion_proof_is_that_of_the_reference_tree():
    proof = inclusion_proof(LEAVES, 0)

    assert [node.hex() for node in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_a_consistency_proof_is_that_of_the_reference_tree():
    proof = consistency_proof(LEAVES, 6)

    assert [node.hex() for node in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(max_examples=50, deadline=None)
@given(sizes)
def test_a_frontier_has_the_root_of_the_whole_tree(size):
    leaves, frontier = grow(size), EMPTY
    for leaf in leaves:
        frontier = frontier.append(leaf)

    assert frontier.root() == by_definition(leaves)
    assert frontier == EMPTY.append(*leaves)
    assert len(frontier.nodes) == size.bit_count()


def test_every_leaf_of_every_small_tree_is_proven():
    for size in range(1, 34):
        leaves = grow(size)
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            assert verify_inclusion(leaves[index], index, size, proof, root(leaves))


def test_every_growth_of_every_small_tree_is_proven():
    for size in range(34):
        leaves = grow(size)
        for first in range(size + 1):
            before, after = (first, root(leaves[:first])), (size, root(leaves))
            assert verify_consistency(before, after, consistency_proof(leaves, first))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_other_leaf_place_or_path_is_proven(data):
    size = data.draw(sizes)
    leaves, index = grow(size), data.draw(st.integers(0, size - 1))
    proof, expected = inclusion_proof(leaves, index), root(leaves)
    other = data.draw(st.integers(0, size).filter(lambda n: n != index))
    damaged = [*proof, leaves[0]]
    if proof:
        spot = data.draw(st.integers(0, len(proof) - 1))
        damaged = [*proof[:spot], leaf_hash(proof[spot]), *proof[spot + 1 :]]

    leaf = leaves[index]
    assert not verify_inclusion(leaf_hash(leaf), index, size, proof, expected)
    assert not verify_inclusion(leaf, other, size, proof, expected)
    assert not verify_inclusion(leaf, index, size, damaged, expected)
    assert not verify_inclusion(leaf, index, size, proof[:-1] + damaged, expected)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_rewritten_past_is_never_consistent(data):
    size = data.draw(st.integers(2, 130))
    first = data.draw(st.integers(1, size - 1))
    leaves, edited = grow(size), data.draw(st.integers(0, first - 1))
    forged = [leaf_hash(b"x") if n == edited else x for n, x in enumerate(leaves)]
    before = (first, root(leaves[:first]))

    for proof in (consistency_proof(forged, first), consistency_proof(leaves, first)):
        assert not verify_consistency(before, (size, root(forged)), proof)


def test_a_proof_for_a_leaf_or_tree_that_is_not_there_is_refused():
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES, 8)
    with pytest.raises(IndexError):
        consistency_proof(LEAVES, 9)

    assert not verify_inclusion(LEAVES[0], 8, 8, [], root(LEAVES))
    assert not verify_consistency((8, root(LEAVES)), (7, root(LEAVES[:7])), [])
    assert not verify_consistency((0, ROOTS[0]), (8, root(LEAVES)), [])
