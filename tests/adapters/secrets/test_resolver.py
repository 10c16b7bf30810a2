"""References, resolved over sources, remembered, renewed and rotated."""

import threading
import time

import pytest

from roadbed.adapters.secrets._resolver import RETRY_S, STALE_S, Resolver
from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.core.errors import NotFound, Unavailable
from roadbed.core.secret import Secret

REFERENCE = "secret://env/A"


class Place:
    """A place whose secret changes, that can be away, and that counts the questions."""

    lifetime_s = 60.0

    def __init__(self, value="one"):
        self.value, self.before = value, None
        self.away = False
        self.asked = 0
        self.slow_s = 0.0
        self.held = None

    def fetch(self, path):
        self.asked += 1
        time.sleep(self.slow_s)
        if self.held is not None:
            assert self.held.wait(30)
        if self.away:
            raise Unavailable("the place is away")
        if self.value is None:
            raise NotFound("gone")
        return Secret(self.value)

    def previous(self, path):
        return Secret(self.before) if self.before else None


class Hand:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def resolver(place, hand):
    return Resolver(lambda scheme: place, ["env"], hand)


def over(sources):
    return Resolver(sources.__getitem__, list(sources))


def eventually(done):
    end = time.monotonic() + 30
    while not done() and time.monotonic() < end:
        time.sleep(0.005)
    return done()


def test_a_reference_is_resolved_by_the_source_it_names():
    resolver = over({"env": EnvSecrets({"A": "one"}), "file": EnvSecrets({"A": "two"})})

    assert resolver.resolve("secret://env/A").reveal() == "one"
    assert resolver.resolve("secret://file/A").reveal() == "two"


def test_a_scheme_that_is_not_there_does_not_exist():
    with pytest.raises(NotFound, match="'env'") as raised:
        over({"file": EnvSecrets({})}).resolve(REFERENCE)

    assert raised.value.hint == "schemes here: file"


@pytest.mark.parametrize("text", ["sk-canary-1", "secret://", "secret://env/", "", "x"])
def test_what_is_no_reference_is_not_repeated(text):
    with pytest.raises(NotFound) as raised:
        over({}).resolve(text)

    assert raised.value.message == "this is no reference of a secret"


def test_a_source_is_opened_when_it_is_used_and_once():
    opened = []

    def open_source(scheme):
        opened.append(scheme)
        return Place()

    resolver = Resolver(open_source, ["env", "vault"])
    resolver.resolve(REFERENCE)
    resolver.resolve("secret://env/B")

    assert opened == ["env"]


def test_a_value_is_used_for_its_lifetime_and_then_asked_for_again(
    resolver, place, hand
):
    first = resolver.resolve(REFERENCE)
    place.value = "two"
    hand.now_s += 59
    same = resolver.resolve(REFERENCE)
    hand.now_s += 2

    assert (first.reveal(), same.reveal()) == ("one", "one")
    assert resolver.resolve(REFERENCE).reveal() == "two"
    assert place.asked == 2


def test_what_is_held_is_given_at_once_and_nothing_that_is_not(resolver, hand):
    before = resolver.held(REFERENCE)
    resolver.resolve(REFERENCE)
    during = resolver.held(REFERENCE)
    hand.now_s += 61

    assert before is None
    assert during == Secret("one")
    assert resolver.held(REFERENCE) is None


def test_shortly_before_its_time_a_value_is_renewed_in_a_thread(resolver, place, hand):
    resolver.resolve(REFERENCE)
    place.value, place.held = "two", threading.Event()
    hand.now_s += 50

    given = [resolver.held(REFERENCE).reveal() for _ in range(1000)]

    assert set(given) == {"one"}
    place.held.set()
    assert eventually(lambda: resolver.held(REFERENCE) == Secret("two"))
    assert place.asked == 2


def test_many_askers_at_once_ask_the_source_once(resolver, place):
    place.slow_s = 0.05
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(resolver.resolve(REFERENCE)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert place.asked == 1
    assert found == [Secret("one")] * 16


def test_an_old_value_is_used_while_the_source_is_away_but_not_for_ever(
    resolver, place, hand
):
    resolver.resolve(REFERENCE)
    place.away = True
    hand.now_s += 61
    stale = resolver.resolve(REFERENCE)
    asked = place.asked
    hand.now_s += RETRY_S / 2
    at_hand = resolver.held(REFERENCE)
    hand.now_s += STALE_S

    assert stale == at_hand == Secret("one")
    assert place.asked == asked
    with pytest.raises(Unavailable):
        resolver.resolve(REFERENCE)


def test_a_secret_that_was_deleted_is_not_used_on(resolver, place, hand):
    resolver.resolve(REFERENCE)
    place.value = None
    hand.now_s += 61

    with pytest.raises(NotFound):
        resolver.resolve(REFERENCE)


def test_a_refused_value_is_replaced_by_the_rotated_one(resolver, place):
    old = resolver.resolve(REFERENCE)
    place.value = "two"

    assert resolver.renew(REFERENCE, old) == Secret("two")
    assert resolver.resolve(REFERENCE) == Secret("two")


def test_while_a_new_value_does_not_work_yet_the_one_before_does(resolver, place):
    place.value, place.before = "two", "one"
    new = resolver.resolve(REFERENCE)

    assert resolver.renew(REFERENCE, new) == Secret("one")
    assert resolver.held(REFERENCE) == Secret("one")


def test_a_refused_value_that_was_not_rotated_costs_one_question_in_five_seconds(
    resolver, place, hand
):
    old = resolver.resolve(REFERENCE)
    answers = [resolver.renew(REFERENCE, old) for _ in range(10)]
    hand.now_s += RETRY_S
    answers.append(resolver.renew(REFERENCE, old))

    assert answers == [None] * 11
    assert place.asked == 3


def test_a_source_that_is_away_renews_nothing_and_raises_nothing(resolver, place):
    old = resolver.resolve(REFERENCE)
    place.away = True

    assert resolver.renew(REFERENCE, old) is None
    assert resolver.held(REFERENCE) == old


def test_no_representation_shows_a_value(resolver, place):
    place.value = "canary-31"
    resolver.resolve(REFERENCE)
    place.value = ""

    assert "canary" not in f"{resolver!r} {vars(resolver)!r}"
