"""Embeddings and rerank over a real socket; embeddings with the official SDK."""

import base64
import json
import struct

import openai
import pytest
from openai import OpenAI

from roadbed.adapters.providers.extractive.runner import ExtractiveRunner
from roadbed.adapters.providers.extractive.search import Index
from roadbed.testing.upstream_responses import ResponsesUpstream
from tests.server.house import VIEWER, serving_house
from tests.server.test_responses import post
from tests.server.upstreams import behind, each

TEXTS = ["one", "three", ""]
WANTED = [[len(text) + n / 4 for n in range(4)] for text in TEXTS]
DOCUMENTS = ["The parcel is late.", {"text": "We refund in 14 days."}, "A refund day"]


@pytest.fixture(scope="module")
def wall():
    with each("well", "floats", "reversed", "few", "nonsense", "refused") as made:
        yield made


@pytest.fixture
def upstream():
    return ResponsesUpstream()


@pytest.fixture(scope="module")
def searching():
    """A house whose endpoint `search` is the provider without a model."""
    with serving_house(runners={"search": ExtractiveRunner(Index([]), 0)}) as house:
        yield house


def test_the_sdk_gets_its_vectors_which_it_asks_for_in_base64(upstream):
    with behind(upstream) as (house, client):
        answer = client.embeddings.create(model="support", input=TEXTS)
        path, _, sent = upstream.requests[0]
        record = house.last()
        payload = json.loads(house.log.payloads[record.call_id].response)

    assert [d.embedding for d in answer.data] == WANTED
    assert (answer.model, answer.usage.prompt_tokens) == ("support", 8)
    assert path == "/v1/embeddings"
    assert sent == {
        "input": TEXTS,
        "model": "gpt-test-2024-08-06",
        "encoding_format": "base64",
    }
    assert (record.dialect, record.rows) == ("openai-embeddings", 3)
    assert (record.input_tokens, record.output_tokens) == (8, 0)
    assert (record.status, record.served) == ("ok", "gpt-test-2024-08-06")
    assert payload["vectors"] == 3


@pytest.mark.parametrize("how", ["well", "floats"])
@pytest.mark.parametrize("shape", ["float", "base64"])
def test_every_encoding_is_answered_whatever_the_upstream_writes(wall, how, shape):
    asked = {"model": how, "input": TEXTS, "encoding_format": shape}
    status, _, told = post(wall, "/v1/embeddings", asked)

    data = [d["embedding"] for d in json.loads(told)["data"]]
    if shape == "base64":
        data = [list(struct.unpack("<4f", base64.b64decode(text))) for text in data]
    assert status == 200
    assert data == WANTED


@pytest.mark.parametrize(
    ("given", "count"),
    [("one", 1), ([1, 2, 3], 1), ([[1, 2], [3]], 2), (["a", "b"], 2)],
)
def test_texts_and_tokens_are_taken_in_each_form(wall, given, count):
    answer = wall.client.embeddings.create(model="well", input=given, dimensions=2)

    assert [len(d.embedding) for d in answer.data] == [2] * count
    assert wall.upstreams["well"].requests[-1][2]["input"] == given
    assert wall.last_of("well").rows == count


def test_vectors_in_an_odd_order_come_back_in_the_order_of_the_texts(wall):
    asked = {"model": "reversed", "input": TEXTS, "encoding_format": "base64"}
    answer = wall.client.embeddings.create(model="reversed", input=TEXTS)
    told = json.loads(post(wall, "/v1/embeddings", asked)[2])

    assert {d.index: d.embedding for d in answer.data} == dict(enumerate(WANTED))
    assert [d["index"] for d in told["data"]] == [2, 1, 0]  # forwarded as it came


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("few", 502, "2 vectors for 3 inputs"),
        ("nonsense", 502, "no list of embeddings"),
        ("refused", 400, "Invalid 'dimensions'"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_on_record(wall, how, status, said):
    with pytest.raises(openai.APIStatusError, match=said) as raised:
        wall.client.embeddings.create(model=how, input=TEXTS)

    assert raised.value.status_code == status
    assert wall.last_of(how).status == "error"


ODD = [
    ({"input": []}, "input"),
    ({"input": [[]]}, "input[0]"),
    ({"input": [-1]}, "input"),
    ({"input": ["a", 1]}, "input"),
    ({"input": {"a": 1}}, "input"),
    ({}, "input"),
    ({"input": "a", "dimensions": 0}, "dimensions"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"input": "a", "model": ""}, "model"),
]


@pytest.mark.parametrize(("fields", "param"), ODD)
def test_what_cannot_be_embedded_is_refused_with_its_field(house, fields, param):
    status, headers, told = post(house, "/v1/embeddings", {"model": "echo"} | fields)

    assert status == 400
    assert json.loads(told)["error"]["param"] == param
    assert house.last(headers["x-roadbed-call"]).error == "invalid"


def test_who_may_not_ask_learns_nothing(house):
    for key, kind in ((VIEWER, openai.PermissionDeniedError), ("x", None)):
        kind = kind or openai.AuthenticationError
        with (
            OpenAI(base_url=f"{house.url}/v1", api_key=key, max_retries=0) as client,
            pytest.raises(kind),
        ):
            client.embeddings.create(model="echo", input="x")
        with (
            OpenAI(base_url=f"{house.url}/v1", api_key=key, max_retries=0) as client,
            pytest.raises(kind),
        ):
            client.responses.create(model="echo", input="x")


def test_a_version_with_a_prompt_holds_conversations_only(upstream):
    with (
        behind(upstream, prompt="You are kind.") as (_, client),
        pytest.raises(openai.BadRequestError, match="has a prompt"),
    ):
        client.embeddings.create(model="support", input="x")

    assert upstream.requests == []


def test_what_is_null_is_not_sent(upstream):
    asked = {"model": "support", "input": "x", "encoding_format": None, "user": None}
    with behind(upstream) as (house, _):
        status, _, _ = post(house, "/v1/embeddings", asked)

    assert status == 200
    assert upstream.requests[0][2] == {"input": "x", "model": "gpt-test-2024-08-06"}


def test_pinned_dimensions_win(upstream):
    with behind(upstream, parameters={"dimensions": 3}) as (_, client):
        answer = client.embeddings.create(model="support", input="x", dimensions=2)

    assert len(answer.data[0].embedding) == 3


def rerank(house, **fields):
    asked = {"model": "support", "query": "refund day", "documents": DOCUMENTS}
    status, headers, told = post(house, "/v1/rerank", asked | fields)
    return status, json.loads(told), house.last(headers["x-roadbed-call"])


@pytest.mark.parametrize("how", ["well", "reversed"])
def test_documents_come_back_the_best_one_first(wall, how):
    asked = {"model": how, "top_n": 2, "return_documents": True}
    status, told, record = rerank(wall, **asked)
    path, _, sent = wall.upstreams[how].requests[-1]

    assert status == 200
    assert told["results"] == [
        {"index": 2, "relevance_score": 1.0, "document": {"text": "A refund day"}},
        {
            "index": 1,
            "relevance_score": 0.5,
            "document": {"text": "We refund in 14 days."},
        },
    ]
    assert (told["model"], told["usage"]) == (how, {"total_tokens": 21})
    assert path == "/v1/rerank"
    assert sent["model"] == "gpt-test-2024-08-06"
    assert sent["documents"][1] == "We refund in 14 days."
    assert (record.dialect, record.rows, record.input_tokens) == ("rerank", 3, 21)


@pytest.mark.parametrize(("how", "status"), [("few", 502), ("nonsense", 502)])
def test_a_ranking_of_other_documents_is_an_error(wall, how, status):
    told = rerank(wall, model=how)

    assert told[0] == status
    assert told[2].status == "error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [7]}, "documents"),
        ({"documents": [{"title": "x"}]}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"model": None}, "model"),
    ],
)
def test_what_cannot_be_ranked_is_refused_with_its_field(house, fields, param):
    status, told, record = rerank(house, **fields)

    assert status == 400
    assert told["error"]["param"] == param
    assert record.error == "invalid"


def test_a_search_without_a_model_ranks_by_words(searching):
    status, told, record = rerank(searching, model="search", query="refunded days")

    found = {r["index"]: r["relevance_score"] for r in told["results"]}
    assert status == 200
    assert min(found[1], found[2]) > found[0] == 0
    assert "usage" not in told
    assert record.served.startswith("extractive")


def test_a_search_without_a_model_makes_no_vectors(searching):
    asked = {"model": "search", "input": "x"}
    status, _, told = post(searching, "/v1/embeddings", asked)

    assert status == 400
    assert "makes no vectors" in json.loads(told)["error"]["message"]
