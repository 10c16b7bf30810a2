"""Vectors survive both encodings, and odd answers are the provider's fault."""

import base64
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, Unavailable
from roadbed.dialects.embeddings import SPOKEN
from roadbed.dialects.embeddings.parse_answer import read_answer
from roadbed.dialects.embeddings.vectors import decoded, encoded
from roadbed.dialects.rerank import SPOKEN as RERANK
from roadbed.dialects.rerank.parse_answer import read_answer as read_ranking
from roadbed.testing.provider_contract import make_call

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
NAMES = ["data", "index", "embedding", "usage", "error", "results", "relevance_score"]
NAMES += ["meta", "prompt_tokens", "total_tokens", "tokens"]
JSON = st.recursive(
    ODD | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
)
EMBED = SPOKEN.read(b'{"model": "m", "input": ["a", "b"]}')[1]
RANK = RERANK.read(b'{"model": "m", "query": "q", "documents": ["a", "b"]}')[1]


@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_a_vector_is_little_endian_float32_and_comes_back(vector):
    text = encoded(vector)

    assert list(decoded(text)) == vector
    assert base64.b64decode(text) == struct.pack(f"<{len(vector)}f", *vector)


@pytest.mark.parametrize("text", ["", "AAA", "AAAAAAA=", "****", "é"])
def test_what_holds_no_whole_vector_is_refused(text):
    with pytest.raises(ValueError):
        decoded(text)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3) | JSON)
def test_no_json_is_worse_than_a_provider_error(value):
    data = msgspec.json.encode(value)
    for read, request in ((read_answer, EMBED), (read_ranking, RANK)):
        try:
            read(request, data)
        except ProviderError as error:
            assert error.message


@given(st.binary(max_size=40))
def test_no_bytes_are_worse_than_a_provider_error(data):
    for read, request in ((read_answer, EMBED), (read_ranking, RANK)):
        with pytest.raises(ProviderError):
            read(request, data)


BOTH = [(read_answer, EMBED), (read_ranking, RANK)]


@pytest.mark.parametrize(("read", "request_"), BOTH, ids=["embed", "rank"])
def test_an_error_inside_an_answer_is_an_error(read, request_):
    body = {"error": {"message": "down", "type": "server_error"}}

    with pytest.raises(Unavailable):
        read(request_, msgspec.json.encode(body))


def data_of(*pairs):
    found = [{"index": n, "embedding": v} for n, v in pairs]
    return msgspec.json.encode({"data": found})


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, [1.0])],
        [(0, [1.0]), (0, [1.0])],
        [(0, [1.0]), (2, [1.0])],
        [(0, [1.0]), (1, "AAA=")],
        [(0, [1.0]), (1, None)],
    ],
)
def test_vectors_that_do_not_match_the_inputs_are_no_answer(pairs):
    with pytest.raises(ProviderError):
        read_answer(EMBED, data_of(*pairs))


def test_an_answer_in_both_encodings_is_written_anew_in_one():
    chunk = read_answer(EMBED, data_of((1, [2.0]), (0, encoded([1.0]))))
    told = msgspec.json.decode(SPOKEN.whole(make_call(None, EMBED), [chunk]))

    assert chunk.raw is None
    assert [d["embedding"] for d in told["data"]] == [[1.0], [2.0]]
    assert "usage" not in told


def test_the_tokens_of_a_ranking_are_found_where_each_server_tells_them():
    result = [{"index": 0, "relevance_score": 0.5}]
    for told in (
        {"usage": {"total_tokens": 7}},
        {"usage": {"prompt_tokens": 7}},
        {"meta": {"tokens": {"input_tokens": 7}, "billed_units": {"search_units": 1}}},
    ):
        chunk = read_ranking(RANK, msgspec.json.encode({"results": result} | told))

        assert chunk.usage.input_tokens == 7
    assert read_ranking(RANK, msgspec.json.encode({"results": result})).usage is None
