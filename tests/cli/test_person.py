"""What is kept of whoever logged in, without any provider."""

import base64
import json
from types import SimpleNamespace

import pytest

from roadbed.cli import _person
from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity.device import Tokens
from roadbed.identity.directory import Company

COMPANY = Company(name="company")


def part(value):
    data = json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(sub="2489", refresh="first"):
    """Return tokens of *sub*, which ran out long ago."""
    text = f"{part({'alg': 'none'})}.{part({'sub': sub, 'exp': 1})}.AA"
    kept = Secret(refresh) if refresh else None
    return Tokens(id_token=Secret(text), access_token="", refresh_token=kept)


def app_that_gets(answer, state):
    return SimpleNamespace(
        relying=SimpleNamespace(refresh=lambda company, token: answer),
        settings=SimpleNamespace(state=state),
    )


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state directory of a machine without a keyring."""
    monkeypatch.setattr("roadbed.cli._ring._ring", lambda: None)
    return tmp_path


def test_what_is_kept_is_recalled_and_forgotten(state):
    assert _person.keep(state, "company", tokens()) == "file"
    found = _person.recall(state)
    _person.forget(state)

    assert (found.provider, found.tokens) == ("company", tokens())
    assert _person.recall(state) is None
    assert "first" not in repr(found)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"provider": "a", "where": "b"}'])
def test_a_file_that_is_damaged_is_said_to_be(state, text):
    (state / _person.FILE).write_text(text)

    with pytest.raises(Unauthenticated, match="cannot be read"):
        _person.recall(state)


def test_a_new_token_is_kept_before_it_is_used(state):
    app = app_that_gets(tokens(refresh="second"), state)
    _person._refreshed(app, COMPANY, tokens())

    assert _person.recall(state).tokens.refresh_token.reveal() == "second"


def test_an_answer_for_somebody_else_is_refused(state):
    app = app_that_gets(tokens(sub="3107"), state)

    with pytest.raises(Unauthenticated, match="somebody else"):
        _person._refreshed(app, COMPANY, tokens())
    assert _person.recall(state) is None


def test_without_a_refresh_token_one_logs_in_again(state):
    with pytest.raises(Unauthenticated, match="no longer vouches"):
        _person._refreshed(app_that_gets(tokens(), state), COMPANY, tokens(refresh=""))
