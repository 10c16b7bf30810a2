"""The server's own log: one object a line, with the call, and without secrets."""

import io
import json
import logging
import re

import pytest

from roadbed.server.logs import CALL, set_up
from tests.server.house import serving_house

SECRET = "sk-proj-abcdefghijklmnopqrstuvwx0123456789"


@pytest.fixture
def lines():
    """Log as JSON for the length of a test; return what reads our lines so far."""
    before, stream = logging.getLogger().handlers[:], io.StringIO()
    set_up("json", stream)

    def ours():
        told = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in told if line["logger"].startswith("roadbed")]

    yield ours
    for handler in logging.getLogger().handlers[:]:
        if handler not in before:
            logging.getLogger().removeHandler(handler)


def test_a_line_says_when_where_and_what(lines):
    logging.getLogger("roadbed.server").warning("%s is %d\nand on", "it", 7)
    (line,) = lines()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": "roadbed.server",
        "message": "it is 7\nand on",
    }


def test_a_secret_is_masked_in_the_message_and_in_the_trace(lines):
    try:
        raise ValueError(f"bad key {SECRET}, says anna@example.com")
    except ValueError:
        logging.getLogger("roadbed.server").exception("failed with %s", SECRET)
    (line,) = lines()

    assert line["error"] == "ValueError"
    assert "bad key <secret>" in line["trace"]
    assert SECRET not in json.dumps(line)
    assert "anna@" not in json.dumps(line)


def test_whatever_is_logged_a_line_is_a_line(lines):
    for odd in ("\ud800", "\u2028", "\x00", '"}\n{"level":"fake"}'):
        logging.getLogger("roadbed").error(odd)

    assert [line["level"] for line in lines()] == ["error"] * 4


def test_setting_up_again_writes_nothing_twice(lines):
    stream = io.StringIO()
    set_up("text", stream)
    logging.getLogger("roadbed").warning("key %s", SECRET)

    assert lines() == []
    assert stream.getvalue().count("roadbed: key <secret>") == 1


def test_what_breaks_while_a_call_is_answered_names_the_call(lines):
    body = b'{"model": "crash", "messages": [{"role": "user", "content": "hi"}]}'
    with serving_house() as house:
        answer = house.raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"authorization: Bearer rbk_app_secret\r\ncontent-type: application/json"
            b"\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        record = house.last()

    assert record.call_id in answer.decode()
    assert [e["call"] for e in lines() if "failed" in e["message"]] == [record.call_id]
    assert CALL.get() == ""
