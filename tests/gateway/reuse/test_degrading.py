"""When nothing upstream answers, an endpoint does what it declared, and says so."""

import pytest

from roadbed.core.decision import Decision
from roadbed.core.errors import (
    BudgetExhausted,
    RateLimited,
    Refused,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.inference.call import Chunk
from tests.gateway.reuse.asking import Counting, Desk, asks, person, served
from tests.inference.calls import AllowAll

SORRY = {"message": "We are sorry."}
STALE, MODEL = {"stale": True}, {"model": "tiny@2"}


def down(error=None, chunks=None):
    runner = Counting(chunks=chunks)
    runner.error = error or Unavailable("down")
    return runner


RETIRED = Refused("no such model", upstream_status=404)


@pytest.mark.parametrize(
    "error", [Unavailable("x"), TimedOut("x"), RateLimited("x"), RETIRED]
)
def test_a_message_is_the_answer_word_for_word(error):
    desk = Desk()
    call = asks(served(down(error), degrade=[SORRY]))
    text, outcome = desk.say(call)

    assert (text, outcome.status, outcome.finish) == ("We are sorry.", "ok", "stop")
    assert outcome.degraded == call.told["x-roadbed-degraded"] == "message"


@pytest.mark.parametrize("error", [Refused("no"), BudgetExhausted("all spent")])
def test_what_is_the_callers_own_fault_stays_an_error(error):
    desk, call = Desk(), asks(served(down(error), degrade=[SORRY]))
    with pytest.raises(type(error)):
        desk.say(call)

    assert desk.ended.outcomes[-1].degraded == ""
    assert "x-roadbed-degraded" not in call.told


def test_without_a_word_about_it_the_error_is_the_answer():
    with pytest.raises(Unavailable):
        Desk().say(asks(served(down())))


def test_a_smaller_model_answers_and_is_on_record():
    desk, tiny = Desk(), Counting()
    call = asks(served(down(), {"tiny@2": tiny}, degrade=[MODEL, SORRY]))
    text, outcome = desk.say(call)

    assert (text, outcome.degraded) == ("answer 1", "model:tiny@2")
    assert outcome.usage.output_tokens == 3
    assert str(call.deployment.version) == "tiny@2"
    assert call.deployment.provider == "small"


class NotThat(AllowAll):
    """Allows all but to be answered by `tiny@2`."""

    def decide(self, principal, action, target):
        allowed = (action, target.name) != ("version.infer", "tiny@2")
        return Decision(allowed=allowed, reasons=(), policy_digest="p")


HELPLESS = {
    "down as well": Unavailable("down"),
    "too dear": BudgetExhausted("all spent"),
    "unfit": Refused("no pictures"),
}


@pytest.mark.parametrize("why", ["not loaded", "denied", *HELPLESS])
def test_the_next_way_is_taken_if_a_smaller_model_cannot_help(why):
    tiny = down(HELPLESS[why]) if why in HELPLESS else Counting()
    smaller = {} if why == "not loaded" else {"tiny@2": tiny}
    authority = NotThat() if why == "denied" else AllowAll()
    desk = Desk()
    where = served(down(), smaller, degrade=[MODEL, SORRY])
    call = asks(where, authority=authority)
    text, outcome = desk.say(call)

    assert (text, outcome.degraded) == ("We are sorry.", "message")
    assert tiny.asked == (why in HELPLESS)
    assert str(call.deployment.version) == "m@1"


def test_when_no_way_helps_the_first_cause_is_told():
    tiny = down(TimedOut("also down"))
    where = served(down(Unavailable("first")), {"tiny@2": tiny}, degrade=[STALE, MODEL])
    desk, call = Desk(), asks(where)
    with pytest.raises(Unavailable, match="first"):
        desk.say(call)

    assert desk.ended.outcomes[-1].degraded == ""
    assert str(call.deployment.version) == "m@1"


def test_any_answer_of_before_stands_in_however_old():
    desk, runner = Desk(), Counting()
    where = served(runner, cache={"ttl_s": 1}, degrade=[STALE, SORRY])
    desk.say(asks(where))
    desk.clock.now += 1e9
    runner.error = Unavailable("down")
    call = asks(where)
    text, outcome = desk.say(call)

    assert (text, outcome.degraded, outcome.cache) == ("answer 1", "stale", "stale")
    assert call.told["age"] == "1000000000"
    assert outcome.usage is None
    assert desk.say(asks(where, temperature=1))[1].degraded == "message"


def test_without_a_cache_only_the_callers_own_answers_stand_in():
    desk, runner = Desk(), Counting()
    where = served(runner, degrade=[STALE, SORRY])
    desk.say(asks(where, person("ann")))
    assert desk.say(asks(where, person("ann")))[0] == "answer 2"
    runner.error = Unavailable("down")

    assert desk.say(asks(where, person("ann")))[0] == "answer 2"
    assert desk.say(asks(where, person("bob")))[1].degraded == "message"


def test_what_stood_in_is_not_kept_as_an_answer():
    desk, runner = Desk(), down()
    where = served(runner, {"tiny@2": Counting()}, cache={"ttl_s": 9}, degrade=[MODEL])
    desk.say(asks(where))
    runner.error = None

    assert len(desk.shelf) == 0
    assert desk.say(asks(where))[1].degraded == ""


def test_an_answer_that_has_begun_is_not_replaced():
    async def half(call, outcome):
        yield Chunk(text="half")
        raise Truncated("cut")

    desk = Desk(ask=half)
    with pytest.raises(Truncated):
        desk.say(asks(served(Counting(), degrade=[SORRY])))


def test_pieces_without_content_are_held_back_until_there_is_some():
    async def role_only(call, outcome):
        yield Chunk(raw=b'data: {"role"}', dialect="openai")
        raise Unavailable("gone")

    async def role_first(call, outcome):
        yield Chunk(raw=b"1", dialect="openai")
        yield Chunk(text="hi", finish="stop")

    where = served(Counting(), degrade=[SORRY])

    assert Desk(ask=role_only).say(asks(where))[0] == "We are sorry."
    assert Desk(ask=role_first).say(asks(where))[0] == "hi"


def test_an_upstream_that_says_nothing_at_all_is_degraded_too():
    async def lost(call, outcome):
        yield Chunk()

    assert Desk(ask=lost).say(asks(served(Counting(), degrade=[SORRY])))[1].degraded
