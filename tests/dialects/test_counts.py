"""Counts of tokens that cannot be so: whatever the dialect, nobody counted then."""

import json

import pytest

from roadbed.dialects.decoding import MOST_TOKENS, believed, count_of
from roadbed.dialects.embeddings.parse_answer import read_answer as read_vectors
from roadbed.dialects.rerank.parse_answer import read_answer as read_ranking
from roadbed.inference.call import Usage
from roadbed.inference.chat import EmbedRequest, RerankRequest
from tests.dialects.pairs import WRITTEN, Answer, Said
from tests.dialects.test_pairs import read_stream, read_whole
from tests.dialects.upstreams import UPSTREAMS

IMPOSSIBLE = [-1, MOST_TOKENS + 1, 10**18, 10**30]


def answer(**counts):
    return Answer((Said("text", ("hi",)),), "stop", Usage(**counts))


@pytest.mark.parametrize("counts", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "cached_tokens"])
@pytest.mark.parametrize("upstream", sorted(WRITTEN))
def test_what_cannot_be_so_many_was_not_counted(upstream, name, counts):
    said = answer(**{"input_tokens": 7, "output_tokens": 3, name: counts})
    speaks = UPSTREAMS[upstream]

    streamed = read_stream(upstream, speaks.stream(said))
    (whole,) = read_whole(upstream, speaks.whole(said))

    assert [chunk.usage for chunk in streamed] == [None] * len(streamed)
    assert (streamed[-1].finish, whole.finish) == ("stop", "stop")
    assert whole.usage is None


@pytest.mark.parametrize("upstream", sorted(WRITTEN))
def test_the_most_that_can_be_is_believed(upstream):
    most = answer(input_tokens=MOST_TOKENS, output_tokens=MOST_TOKENS)

    (whole,) = read_whole(upstream, UPSTREAMS[upstream].whole(most))

    assert whole.usage == most.usage


@pytest.mark.parametrize("tokens", [*IMPOSSIBLE, "7", [], {}, 1e300])
def test_vectors_and_rankings_are_no_exception(tokens):
    usage = {"usage": {"prompt_tokens": tokens}}
    vectors = {"data": [{"embedding": [1.0]}], **usage}
    ranking = {"results": [{"index": 0, "relevance_score": 1.0}], **usage}
    embed = EmbedRequest(fields={}, inputs=("a",))
    rank = RerankRequest(fields={}, query="a", documents=("b",))

    assert read_vectors(embed, json.dumps(vectors).encode()).usage is None
    assert read_ranking(rank, json.dumps(ranking).encode()).usage is None


def test_what_is_not_told_counts_for_none():
    assert (count_of(None), count_of(0), count_of(7), count_of(7.0)) == (0, 0, 7, 7)
    assert believed(Usage()) == Usage()
