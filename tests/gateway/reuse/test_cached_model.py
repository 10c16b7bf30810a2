"""A cache and its model: whoever asks what, whenever, with upstreams up and down."""

from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Unavailable
from roadbed.inference.call import Chunk
from tests.gateway.reuse.asking import Counting, Desk, asks, person, served

TTL_S, STALE_S = 10, 20
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from("ab"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 5, 10, 11, 30])),
        st.tuples(st.just("break"), st.just(""), st.booleans()),
    ),
    max_size=30,
)


class Model:
    """What a cache should answer: text and word, or None where there is no answer."""

    def __init__(self):
        self.now, self.down, self.count, self.kept = 0, False, 0, {}

    def ask(self, tenant, question):
        text, at = self.kept.get((tenant, question), ("", -1_000_000))
        age = self.now - at
        if age <= TTL_S:
            return text, "hit"
        self.count += 1
        if not self.down:
            text = f"{tenant} {question} {self.count}"
            self.kept[tenant, question] = text, self.now
            return text, ""
        return (text, "stale") if age <= TTL_S + STALE_S else None


def answering(model):
    async def ask(call, outcome):
        if model.down:
            raise Unavailable("down")
        number = int(bytes(call.request.fields["seed"]))
        text = f"{call.principal.tenant} {number} {model.count}"
        yield Chunk(text=text, finish="stop")

    return ask


@settings(max_examples=50)
@given(MOVES)
def test_the_cache_is_its_model(moves):
    model = Model()
    desk = Desk(ask=answering(model))
    where = served(Counting(), cache={"ttl_s": TTL_S, "stale_s": STALE_S})
    for move, tenant, value in moves:
        if move == "wait":
            model.now += value
            desk.clock.now += value
        elif move == "break":
            model.down = value
        else:
            expected = model.ask(tenant, value)
            call = asks(where, person(tenant=tenant), seed=value)
            assert said(desk, call) == expected


def said(desk, call):
    """Return the text and how it came about, None if nothing answered."""
    try:
        text, outcome = desk.say(call)
    except Unavailable:
        return None
    return text, outcome.cache
