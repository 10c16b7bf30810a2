from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.console import session
from roadbed.core.secret import Secret

HERE = "https://line.example/console/sign-in"
WORDS = "/ \\ // console .. %2e%2e @ : evil.example ? # https: javascript: %5c %0d ."
PARTS = st.lists(st.sampled_from([*WORDS.split(), "\t", "\n", " "]), max_size=8)


@given(PARTS.map("".join))
@example("//evil.example/console")
@example("/console/..//evil.example")
@example("/console/%2e%2e/%2e%2e/v1")
@example("https://evil.example/console")
@example("/\\evil.example")
@example("/console\t/../..")
@example("///console")
def test_nobody_is_led_out_of_the_console(asked):
    landed = urlsplit(urljoin(HERE, session.safe_return(asked)))

    assert landed.scheme == "https"
    assert landed.netloc == "line.example"
    assert landed.path == "/console" or landed.path.startswith("/console/")


@pytest.mark.parametrize(
    "asked",
    [
        "/console",
        "/console/calls?endpoint=support-bot&range=1h",
        "/console/calls/eu-019a9f2c-0000-7000-8000-000000000000",
    ],
)
def test_a_page_of_the_console_is_returned_to(asked):
    assert session.safe_return(asked) == asked


@pytest.mark.parametrize("asked", [session.SIGN_IN, session.SIGN_OUT, "", "/v1/models"])
def test_sign_in_never_leads_back_to_itself(asked):
    assert session.safe_return(asked) == session.HOME


def test_a_form_token_belongs_to_one_session():
    mine, other = Secret("a" * 40), Secret("b" * 40)
    token = session.action_token(mine)

    assert session.action_token_matches(mine, token)
    assert not session.action_token_matches(other, token)
    assert not session.action_token_matches(mine, "")
    assert mine.reveal() not in token
