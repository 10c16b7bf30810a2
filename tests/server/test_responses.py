"""The Responses API over a real socket, with the official SDK."""

import http.client
import json
from dataclasses import replace

import anthropic
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from roadbed.adapters.providers.openai import Config
from roadbed.inference.call import Chunk, Usage
from roadbed.testing.upstream import BEHAVIOURS, Upstream
from roadbed.testing.upstream_responses import ResponsesUpstream
from tests.dialects.responses.examiner import assembled, examined, examined_stream
from tests.server.house import KEY, Runner, serving_house
from tests.server.upstreams import behind, client_of, each

TOOL = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    "strict": False,
}


@pytest.fixture(scope="module")
def wall():
    with each("well", "cut", "failed", "error", "nonsense", "refused") as made:
        yield made


@pytest.fixture
def client(house):
    with OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def stream_of(client, **fields):
    with client.responses.stream(model="support", **fields) as stream:
        kinds = [event.type for event in stream]
        return kinds, stream.get_final_response()


def post(house, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), told


def test_any_model_answers_in_it(house, client):
    answer = client.responses.create(model="echo", input="hello there")
    record = house.last(answer.id.removeprefix("resp_"))

    assert answer.output_text == "echo: hello there"
    assert (answer.model, answer.status) == ("echo", "completed")
    assert answer.usage.input_tokens == 3
    assert answer.output[0].content[0].annotations[0].url == "doc:1"
    assert (record.dialect, record.status) == ("openai-responses", "ok")
    assert record.output_tokens == 3
    examined(json.loads(answer.to_json()) | {"metadata": {}})


def test_any_model_streams_in_it(client):
    with client.responses.stream(model="echo", input="hello there") as stream:
        events = list(stream)
        final = stream.get_final_response()

    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == final.output_text == "echo: hello there"
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"


def test_the_bytes_of_a_stream_pass_the_examiner(house):
    body = {"model": "echo", "input": "hello there", "stream": True}
    status, headers, data = post(house, "/v1/responses", body)

    events = examined_stream(data)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert events[-1]["type"] == "response.completed"


def test_an_answer_that_is_cut_raises_in_both_ways_of_reading(house, client):
    with pytest.raises(openai.APIError, match="the provider stopped"):
        list(client.responses.create(model="cut", input="x", stream=True))
    with (
        pytest.raises(openai.APIError, match="the provider stopped"),
        client.responses.stream(model="cut", input="x") as stream,
    ):
        list(stream)

    assert house.last().status == "truncated"


def test_errors_before_the_answer_are_plain_http(client):
    with pytest.raises(openai.RateLimitError) as limited:
        client.responses.create(model="limited", input="x")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nobody", input="x")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="echo", input="x", background=True)
    with pytest.raises(openai.BadRequestError) as stored:
        client.responses.create(model="echo", input="x", previous_response_id="r")

    assert limited.value.response.headers["retry-after"] == "7"
    assert refused.value.param == "background"
    assert stored.value.param == "previous_response_id"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "echo"}', b"\xff"])
def test_what_cannot_be_read_is_refused_and_on_record(house, body):
    data = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    data += b"Authorization: Bearer %b\r\n" % KEY.encode()
    head, _, told = house.raw(
        data + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    ).partition(b"\r\n\r\n")

    call_id = head.decode().split("x-roadbed-call: ")[1].split("\r\n")[0]
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(told)["error"]["type"] == "invalid_request_error"
    assert house.last(call_id).error == "invalid"


def test_a_chat_provider_is_asked_in_its_own_words():
    upstream = Upstream("well")
    with behind(upstream, responses=False) as (house, client):
        answer = client.responses.create(
            model="support",
            instructions="be brief",
            input="hello there",
            tools=[TOOL],
            max_output_tokens=50,
            reasoning={"effort": "low"},
        )
        kinds, final = stream_of(client, input="hello there", tools=[TOOL])
        plain = client.responses.create(model="support", input="hello there")
        sent = upstream.requests[0].json()
        path = upstream.requests[0].path
        record = house.last()

    assert path == "/v1/chat/completions"
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (50, "low")
    assert sent["tools"][0]["function"]["name"] == "look_up"
    told = answer.output[0]
    assert (told.type, told.name, told.call_id) == (
        "function_call",
        "look_up",
        "call_1",
    )
    assert json.loads(told.arguments) == {"text": "You said: hello there"}
    assert final.output[0].arguments == told.arguments
    assert "response.function_call_arguments.done" in kinds
    assert plain.output_text == "You said: hello there"
    assert plain.usage.input_tokens_details.cached_tokens == 1
    assert record.output_tokens == 4


def test_a_provider_of_the_same_dialect_has_the_fields_forwarded():
    upstream = ResponsesUpstream()
    with behind(upstream, prompt="You are kind.") as (house, client):
        answer = client.responses.create(
            model="support",
            instructions="be brief",
            input=[{"role": "user", "content": "hello there"}],
            tools=[{"type": "web_search"}, TOOL],
            extra_body={"previous_response_id": "resp_9", "something": {"model": "m"}},
        )
        path, _, sent = upstream.requests[0]
        record = house.last()

    assert path == "/v1/responses"
    assert sent["model"] == "gpt-test-2024-08-06"
    assert sent["instructions"] == "You are kind.\n\nbe brief"
    assert sent["tools"][0] == {"type": "web_search"}
    assert sent["previous_response_id"] == "resp_9"
    assert sent["something"] == {"model": "m"}
    assert (answer.id, answer.model) == ("resp_upstream", "support")
    assert answer.instructions == "be brief"
    assert record.served == "gpt-test-2024-08-06"
    assert (record.input_tokens, record.cached_tokens) == (11, 3)
    assert (record.cache_write_tokens, record.reasoning_tokens) == (2, 5)
    assert record.finish == "tool_calls"


@pytest.mark.parametrize("tools", [[], [TOOL]])
def test_its_stream_is_forwarded_and_is_the_whole_answer(tools):
    asked = {"input": "hello there", "tools": tools, "reasoning": {"effort": "low"}}
    upstream = ResponsesUpstream()
    with behind(upstream, prompt="You are kind.") as (house, client):
        kinds, final = stream_of(client, **asked)
        record = house.last()
        whole = client.responses.create(model="support", **asked)
        body = {"model": "support", "stream": True, **asked}
        data = post(house, "/v1/responses", body)[2]

    assert (final.model, final.instructions) == ("support", None)
    events = [
        json.loads(line[6:]) for line in data.split(b"\n") if line[:5] == b"data:"
    ]
    assert assembled(events) == [item.to_dict() for item in whole.output]
    assert [i.type for i in final.output] == [i.type for i in whole.output]
    assert kinds[-1] == "response.completed"
    assert (record.input_tokens, record.output_tokens) == (11, 7)
    assert record.finish == ("tool_calls" if tools else "stop")
    assert b"kind" not in data
    assert b"gpt-test" not in data


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("cut", "truncated", "stopped before it had finished"),
        ("failed", "error", "failed while"),
        ("error", "error", "failed while"),
    ],
)
def test_a_stream_that_does_not_end_well_never_looks_as_if_it_had(
    wall, how, status, said
):
    with pytest.raises(openai.APIError, match=said):
        list(wall.client.responses.create(model=how, input="x", stream=True))
    record = wall.last_of(how)

    assert record.status == status
    assert record.finish == ""


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("cut", "truncated", 502),
        ("failed", "error", 502),
        ("nonsense", "error", 502),
        ("refused", "error", 400),
    ],
)
def test_a_whole_answer_that_is_none_is_an_error(wall, how, status, told):
    with pytest.raises(openai.APIStatusError) as raised:
        wall.client.responses.create(model=how, input="x")

    assert raised.value.status_code == told
    assert wall.last_of(how).status == status


def test_an_answer_that_ran_out_of_tokens_is_incomplete(wall):
    answer = wall.client.responses.create(model="well", input="x", max_output_tokens=1)

    assert answer.status == "incomplete"
    assert wall.last_of("well").finish == "length"


def test_pinned_parameters_win_in_the_words_of_this_api():
    upstream = ResponsesUpstream()
    pinned = {"max_completion_tokens": 40, "reasoning_effort": "low"}
    with behind(upstream, parameters=pinned) as (_, client):
        client.responses.create(model="support", input="x", max_output_tokens=9)
        sent = upstream.requests[0][2]

    assert sent["max_output_tokens"] == 40
    assert sent["reasoning"] == {"effort": "low"}
    assert "max_completion_tokens" not in sent


def test_a_version_that_pins_what_this_api_cannot_say_is_asked_by_chat():
    upstream = Upstream("well")
    with behind(upstream, parameters={"seed": 7}) as (_, client):
        answer = client.responses.create(model="support", input="hello")
        request = upstream.requests[0]

    assert answer.output_text == "You said: hello"
    assert request.path == "/v1/chat/completions"
    assert request.json()["seed"] == 7


def test_a_chat_caller_of_such_a_provider_is_still_asked_by_chat():
    upstream = Upstream("well")
    with behind(upstream, responses=True) as (_, client):
        hello = [{"role": "user", "content": "hello"}]
        answer = client.chat.completions.create(model="support", messages=hello)

    assert answer.choices[0].message.content == "You said: hello"


def test_an_upstream_that_counts_is_asked():
    upstream = Upstream("well")
    pinned = {"temperature": 0, "max_output_tokens": 9}
    with behind(upstream, prompt="Be kind.", parameters=pinned) as (house, client):
        raw = client.responses.input_tokens.with_raw_response.count(
            model="support", input="hello there", tools=[TOOL], truncation="auto"
        )
        with anthropic.Anthropic(base_url=house.url, api_key=KEY) as other:
            messages = [{"role": "user", "content": "hello there"}]
            from_other = other.messages.with_raw_response.count_tokens(
                model="support", messages=messages
            )
        record = house.last()

    sent = [(request.path, request.json()) for request in upstream.requests]
    assert [path for path, _ in sent] == ["/v1/responses/input_tokens"] * 2
    assert set(sent[0][1]) == {"model", "input", "instructions", "tools", "truncation"}
    assert "Be kind." in str(sent[1][1]["input"])
    counts = raw.parse().input_tokens, from_other.parse().input_tokens
    assert counts == (4, 2)  # the upstream counts instructions, and what was said last
    assert "x-roadbed-estimated" not in {**raw.headers, **from_other.headers}
    assert (record.estimated, record.input_tokens, record.cost_nano) == (0, 0, 0)


def test_where_counting_is_not_offered_the_count_is_an_estimate_that_says_so():
    missing = replace(BEHAVIOURS["400"], status=404)
    with behind(Upstream(missing)) as (_, client):
        raw = client.responses.input_tokens.with_raw_response.count(
            model="support", input="hello"
        )

    assert raw.parse().input_tokens > 1
    assert raw.headers["x-roadbed-estimated"] == "true"


def test_tokens_are_counted_without_asking_the_model():
    upstream = Upstream("well")
    with behind(upstream, responses=False) as (house, client):
        few = client.responses.input_tokens.count(model="support", input="hello")
        more = client.responses.input_tokens.count(
            model="support", input="hello" * 60, tools=[TOOL], instructions="be brief"
        )
        record = house.last()
        with pytest.raises(openai.BadRequestError):
            client.responses.input_tokens.count(model="support", input=[])

    assert (few.object, upstream.requests) == ("response.input_tokens", [])
    assert 2 <= few.input_tokens < more.input_tokens - 100
    assert (record.dialect, record.estimated) == ("openai-responses", 1)
    assert (record.input_tokens, record.cost_nano) == (0, 0)


class Says(Runner):
    """Says the same each time, whatever it is asked."""

    def __init__(self, *chunks):
        super().__init__()
        self.chunks = chunks

    async def send(self, call):
        call.request.conversation()
        for chunk in self.chunks:
            yield chunk


class Shape(BaseModel):
    word: str


@pytest.fixture(scope="module")
def says():
    """A client of a house that thinks, refuses, and answers in JSON."""
    thought = Chunk(thinking="Hm.", signature="gAAA")
    done = Chunk(finish="stop", usage=Usage(input_tokens=1, output_tokens=2))
    runners = {
        "json": Says(Chunk(text='{"word":'), Chunk(text=' "tea"}'), done),
        "refuses": Says(Chunk(refusal="I would rather not."), Chunk(finish="refusal")),
        "thinks": Says(thought, Chunk(text="Tea."), done),
    }
    with serving_house(runners=runners) as house, client_of(house) as client:
        yield client


def test_an_answer_of_a_shape_is_parsed_by_the_sdk(says):
    answer = says.responses.parse(model="json", input="x", text_format=Shape)
    with says.responses.stream(model="json", input="x", text_format=Shape) as stream:
        final = stream.get_final_response()

    assert answer.output_parsed == final.output_parsed == Shape(word="tea")


def test_a_refusal_and_a_thought_are_what_they_are(says):
    refused = says.responses.create(model="refuses", input="x")
    thought = says.responses.create(model="thinks", input="x")

    assert refused.output[0].content[0].refusal == "I would rather not."
    assert refused.output_text == ""
    assert thought.output[0].summary[0].text == "Hm."
    assert thought.output[0].encrypted_content == "gAAA"
    assert thought.output_text == "Tea."


def test_what_came_can_be_sent_back_as_it_came(says):
    """As agents do: the items of an answer are the input of the next question."""
    first = says.responses.create(model="thinks", input="x")
    asked = [{"role": "user", "content": "x"}, *first.output]
    again = says.responses.create(
        model="thinks", input=[*asked, {"role": "user", "content": "y"}]
    )

    assert again.output_text == "Tea."


def test_a_tool_is_called_and_its_result_sent_back():
    upstream = Upstream("well")
    with behind(upstream, responses=False) as (_, client):
        first = client.responses.create(model="support", input="hi", tools=[TOOL])
        result = {"type": "function_call_output", "call_id": "call_1", "output": "4"}
        asked = [{"role": "user", "content": "hi"}, *first.output, result]
        client.responses.create(model="support", input=asked)
        sent = upstream.requests[1].json()["messages"]

    assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "call_1"


def test_only_openai_itself_speaks_it_unless_told():
    assert Config().speaks_responses
    assert not Config(base_url="https://example.org/v1").speaks_responses
    assert Config(base_url="https://example.org/v1", responses=True).speaks_responses
    assert not Config(responses=False).speaks_responses
