"""The device flow: what to show, how long to wait, and when to stop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Denied, RoadbedError, Unavailable
from roadbed.identity.device import after, tokens_of, waiting_of

IDP = "https://login.example.com"
ANSWER = {
    "device_code": "secret-code",
    "user_code": "ABCD-EFGH",
    "verification_uri": f"{IDP}/device",
    "expires_in": 600,
    "interval": 3,
}


def waiting(**more):
    return waiting_of(ANSWER | more, IDP)


def test_what_is_shown_is_what_the_provider_gave():
    told = waiting(verification_uri_complete=f"{IDP}/device?user_code=ABCD-EFGH")

    assert (told.user_code, told.address) == ("ABCD-EFGH", f"{IDP}/device")
    assert told.complete.endswith("ABCD-EFGH")
    assert (told.interval_s, told.expires_s) == (3, 600)
    assert "secret-code" not in repr(told)


@pytest.mark.parametrize("interval", [None, 0, -1, "1", True])
def test_without_a_sane_interval_it_is_five_seconds(interval):
    assert waiting(interval=interval).interval_s == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"device_code": ""},
        {"user_code": None},
        {"user_code": "\x1b[2J"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://"},
        {"verification_uri": "https://a.example/ b"},
    ],
)
def test_an_answer_that_cannot_be_shown_is_no_answer(wrong):
    with pytest.raises(Unavailable):
        waiting(**wrong)


def test_each_slow_down_adds_five_seconds():
    first = waiting()
    second = after(first, {"error": "slow_down"})

    assert after(first, {"error": "authorization_pending"}) == first
    assert (second.interval_s, second.code) == (8, first.code)
    assert after(second, {"error": "slow_down"}).interval_s == 13


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "x", None, 1])
def test_anything_else_ends_it(error):
    with pytest.raises(Denied):
        after(waiting(), {"error": error})


@given(
    st.dictionaries(
        st.sampled_from([*ANSWER, "id_token", "refresh_token", "error"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
def test_no_answer_of_a_provider_breaks_anything(answer):
    tokens = tokens_of(answer)
    assert tokens is None or tokens.id_token.reveal()
    for decide in (lambda: waiting_of(answer, IDP), lambda: after(waiting(), answer)):
        try:
            decide()
        except RoadbedError as error:
            assert error.message.isprintable()
