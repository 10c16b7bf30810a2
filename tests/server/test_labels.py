"""What a caller counts a call under is on record, however many lines say it."""

import json

import httpx
import pytest

from tests.server.house import KEY

LABELS = "x-roadbed-labels"
HELLO = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


def ask(house, *lines):
    headers = [("authorization", f"Bearer {KEY}"), *((LABELS, line) for line in lines)]
    url = f"{house.url}/v1/chat/completions"
    return httpx.post(url, headers=headers, json=HELLO, timeout=30)


@pytest.mark.parametrize(
    "lines",
    [
        ["team=a, feature=b"],
        ["team=a", "feature=b"],
        ["feature=b", "team=a"],
        ["team=a,", "", "feature=b"],
        ["team=b, feature=b", "team=a"],
    ],
)
def test_labels_of_every_line_count(house, lines):
    """A proxy that adds a line of its own takes nobody's budget away."""
    call = ask(house, *lines).headers["x-roadbed-call"]

    assert house.last(call).labels == {"team": "a", "feature": "b"}


@pytest.mark.parametrize("line", ["nothing", "x=1," + " " * 4096 + "y=1", "a=1," * 17])
def test_what_holds_no_labels_is_refused_in_the_dialect(house, line):
    answer = ask(house, line, "team=a")

    assert answer.status_code == 400
    assert "X-Roadbed-Labels" in json.loads(answer.text)["error"]["message"]
