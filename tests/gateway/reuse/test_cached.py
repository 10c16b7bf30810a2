"""What was asked before is answered with what was answered before, and nothing else."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from roadbed.core.errors import Refused, Truncated, Unavailable
from roadbed.gateway.reuse.likeness import key_of
from roadbed.inference.call import Attempt, Chunk, TensorRequest, ToolPiece
from roadbed.inference.tensor import from_values
from roadbed.inference.terms import Cache
from tests.gateway.reuse.asking import Counting, Desk, asks, person, served
from tests.inference.calls import AllowAll

RULE = {"ttl_s": 60}


def test_an_equal_call_is_answered_without_asking_again():
    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE)
    first, paid = desk.say(asks(where))
    call = asks(where)
    desk.clock.now += 5
    again, free = desk.say(call)

    assert (first, again, runner.asked) == ("answer 1", "answer 1", 1)
    assert (paid.cache, free.cache) == ("", "hit")
    assert paid.usage.output_tokens == 3
    assert free.usage is None
    assert call.told == {"x-roadbed-cache": "hit", "age": "5"}


def test_an_endpoint_without_a_cache_asks_each_time():
    desk, runner = Desk(), Counting()
    where = served(runner)
    desk.say(asks(where))

    assert desk.say(asks(where))[0] == "answer 2"
    assert len(desk.shelf) == 0


def test_an_answer_is_fresh_for_as_long_as_declared():
    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE)
    desk.say(asks(where))
    desk.clock.now += 60
    assert desk.say(asks(where))[1].cache == "hit"
    desk.clock.now += 1

    assert desk.say(asks(where))[0] == "answer 2"


@pytest.mark.parametrize(("after_s", "stands_in"), [(100, True), (161, False)])
def test_an_old_answer_stands_in_when_the_upstream_fails(after_s, stands_in):
    desk, runner = Desk(), Counting()
    where = served(runner, cache={"ttl_s": 60, "stale_s": 100})
    desk.say(asks(where))
    desk.clock.now += after_s
    runner.error = Unavailable("down")
    call = asks(where)

    if not stands_in:
        with pytest.raises(Unavailable):
            desk.say(call)
        return
    text, outcome = desk.say(call)
    assert (text, outcome.cache) == ("answer 1", "stale")
    assert call.told == {"x-roadbed-cache": "stale", "age": "100"}


def test_what_the_provider_refuses_is_not_answered_with_something_old():
    desk, runner = Desk(), Counting()
    where = served(runner, cache={"ttl_s": 1, "stale_s": 100})
    desk.say(asks(where))
    desk.clock.now += 5
    runner.error = Refused("no")

    with pytest.raises(Refused):
        desk.say(asks(where))


PIECE = ToolPiece(index=0, id="c1", name="f")


@pytest.mark.parametrize(
    "runner",
    [
        Counting(finish="content_filter"),
        Counting(finish="refusal"),
        Counting(finish="pause"),
        Counting(finish=None),
        Counting(chunks=[Chunk(refusal="no")]),
        Counting(chunks=[Chunk(tools=(PIECE,))]),
    ],
)
def test_an_answer_that_is_not_whole_and_free_is_not_kept(runner):
    desk, where = Desk(), served(runner, cache=RULE)
    if runner.finish is None:
        with pytest.raises(Truncated):
            desk.say(asks(where))
    else:
        desk.say(asks(where))

    assert len(desk.shelf) == 0


TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


@pytest.mark.parametrize("declared", [False, True])
def test_calls_with_tools_are_kept_only_if_declared(declared):
    desk, runner = Desk(), Counting(chunks=[Chunk(tools=(PIECE,))])
    where = served(runner, cache=RULE | {"tools": declared})
    for _ in range(2):
        desk.say(asks(where, tools=[TOOL]))

    assert runner.asked == (1 if declared else 2)


@pytest.mark.parametrize(
    "field",
    [{"previous_response_id": "r1"}, {"store": True}, {"web_search_options": {"a": 1}}],
)
def test_what_also_depends_on_the_provider_is_never_kept(field):
    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE | {"tools": True})
    for _ in range(2):
        desk.say(asks(where, **field))

    assert (runner.asked, len(desk.shelf)) == (2, 0)


def test_the_answer_of_a_fallback_is_not_kept_as_the_versions_own():
    async def fall_back(call, outcome):
        call.attempts.append(Attempt(model="m@1", provider="p", status="timeout"))
        call.attempts.append(Attempt(model="other@2", provider="p", status="ok"))
        yield Chunk(text="from another", finish="stop")

    desk = Desk(ask=fall_back)
    desk.say(asks(served(Counting(), cache=RULE)))

    assert len(desk.shelf) == 0


def test_a_caller_of_another_tenant_never_has_the_answer():
    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE)
    desk.say(asks(where, person("ann", "a")))
    call = asks(where, person("ann", "b"))
    text, outcome = desk.say(call)

    assert (text, outcome.cache) == ("answer 2", "")
    assert call.told == {"x-roadbed-cache": "miss"}


def test_callers_of_a_tenant_share_answers_unless_told_otherwise():
    for shared, asked in ((True, 1), (False, 3)):
        desk, runner = Desk(), Counting()
        where = served(runner, cache=RULE | {"shared": shared})
        desk.say(asks(where, person("ann"), user="x"))
        desk.say(asks(where, person("bob"), user="x"))
        desk.say(asks(where, person("ann"), user="y"))

        assert runner.asked == asked


def test_other_policies_have_other_answers():
    class Changed(AllowAll):
        digest = "sha256:other"

    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE)
    desk.say(asks(where))

    assert desk.say(asks(where, authority=Changed()))[0] == "answer 2"


def test_a_kept_whole_answer_is_told_as_a_stream_and_the_other_way_round():
    async def in_own_words(call, outcome):
        raw = b'{"choices": []}'
        yield Chunk(text="hello", finish="stop", raw=raw, dialect="openai")

    desk = Desk(ask=in_own_words)
    where = served(Counting(), cache=RULE)

    async def pieces(**fields):
        call = asks(where, **fields)
        return [chunk async for chunk in desk.path.travel(call)]

    whole = asyncio.run(pieces())
    streamed = asyncio.run(pieces(stream=True))
    unheard_of = asyncio.run(pieces(stream=True, logprobs=True))

    assert whole[0].raw == b'{"choices": []}'
    assert streamed == [Chunk(text="hello", finish="stop")]
    assert unheard_of[0].raw == b'{"choices": []}'
    assert desk.ended.outcomes[-1].cache == ""


def test_tensors_are_answered_again_by_their_values():
    desk, runner = Desk(), Counting()
    where = served(runner, cache=RULE)

    def put(value, request_id=""):
        call = asks(where)
        row = from_values("x", "FP32", [1], [value])
        call.request = TensorRequest(inputs=(row,), request_id=request_id)
        return desk.say(call)[0]

    assert [put(1.0), put(2.0), put(1.0, "again")] == [
        "answer 1",
        "answer 2",
        "answer 1",
    ]


NAMES = st.sampled_from(["temperature", "seed", "messages", "stop", "x", "xy", "y"])
VALUES = st.sampled_from([0, 1, "1", "", "a", "ab", [], ["a", "b"], {"a": 1}, None])
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
WHERE = served(Counting(), cache=RULE)


def key(fields, tenant="a", shared=True, name="ann"):
    call = asks(WHERE, person(name, tenant))
    call.request.fields = {n: Raw(encode(v)) for n, v in fields.items()}
    return key_of(call, Cache(ttl_s=1, shared=shared))


@given(FIELDS, FIELDS)
def test_keys_are_equal_exactly_when_the_questions_are(one, other):
    told_apart = {n: repr(v) for n, v in one.items()} != {
        n: repr(v) for n, v in other.items()
    }

    assert (key(one) != key(other)) == told_apart


@given(FIELDS, st.text(min_size=1), st.text(min_size=1))
def test_no_two_tenants_share_a_key(fields, one, other):
    assert (key(fields, one) == key(fields, other)) == (one == other)


@given(FIELDS, st.permutations(["stream", "stream_options", "model", "user"]))
def test_the_form_and_the_order_do_not_matter(fields, more):
    before = dict.fromkeys(more, 1) | fields
    after = fields | dict.fromkeys(reversed(more), 2)

    assert key(before) == key(after) == key(fields)
    assert key(before, shared=False) != key(after, shared=False)


@given(FIELDS, st.sampled_from(["ann", "bob"]), st.sampled_from(["ann", "bob"]))
def test_unshared_answers_belong_to_who_asked(fields, one, other):
    same = key(fields, shared=False, name=one) == key(fields, shared=False, name=other)

    assert same == (one == other)
