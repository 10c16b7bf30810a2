"""Whatever bytes come in: they are read, or refused with a reason. Nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.dialects import openai
from roadbed.dialects.fields import read_fields
from roadbed.inference.tensor import SIZES
from roadbed.server import infer

NAMES = st.sampled_from(["model", "messages", "a", "b/c", "é", "", "stream"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
SPACES = st.sampled_from(["", " ", "\n", "  "])


@st.composite
def objects(draw):
    """Return pairs of a JSON object, and one of the many ways to write it."""
    pairs = draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    gap, ascii_only = draw(SPACES), draw(st.booleans())
    written = [
        f"{json.dumps(k, ensure_ascii=ascii_only)}{gap}:{gap}"
        f"{json.dumps(v, ensure_ascii=ascii_only)}{gap}"
        for k, v in pairs
    ]
    return pairs, (gap + "{" + gap + f",{gap}".join(written) + "}").encode()


@given(objects())
@settings(max_examples=300, deadline=None)
def test_a_name_that_stands_twice_is_always_seen(made):
    pairs, body = made
    names = [name for name, _ in pairs]
    if len(set(names)) == len(names):
        read = {k: json.loads(bytes(v)) for k, v in read_fields(body).items()}

        assert read == dict(pairs)
    else:
        with pytest.raises(Invalid, match="more than once"):
            read_fields(body)


@given(st.binary(max_size=60) | objects().map(lambda made: made[1]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(body):
    for read in (openai.read, infer.read, read_fields):
        try:
            assert read(body) is not None
        except Invalid as error:
            assert error.message


ODD = st.sampled_from([0, 1, -1, 2**63, 1.5, True, None, "x", "FP32", [], [1, 2], {}])
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y"]) | ODD,
        "datatype": st.sampled_from([*SIZES, "BYTES"]) | ODD,
        "shape": st.lists(st.integers(-1, 3) | ODD, max_size=3) | ODD,
        "data": st.lists(ODD, max_size=3) | ODD,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": ODD}),
    },
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(INPUTS, max_size=2) | ODD},
    optional={"outputs": st.lists(INPUTS, max_size=2) | ODD, "id": ODD},
)


@given(REQUESTS, st.sampled_from(["", "len", "0", "5", "x", "99999"]), st.binary())
@settings(max_examples=400, deadline=None)
def test_any_tensors_are_read_or_refused(request, length, tail):
    head = json.dumps(request).encode()
    given_length = str(len(head)) if length == "len" else length
    try:
        read = infer.read(head + tail, given_length)
    except Invalid as error:
        assert error.message
    else:
        assert all(t.datatype == "BYTES" or t.data is not None for t in read.inputs)
