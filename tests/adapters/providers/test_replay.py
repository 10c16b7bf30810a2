"""The replay provider: what was said before, and nothing else."""

import pytest

from roadbed.adapters.providers.replay import Config, provider, unfit, unpinned
from roadbed.core.digest import digest
from roadbed.core.errors import Corrupt, Invalid, ProviderError, Refused
from roadbed.inference.asking import asked_of
from roadbed.inference.call import TensorRequest
from roadbed.inference.recorded import (
    RecordedAnswer,
    RecordedCall,
    RecordedTool,
    RecordedUsage,
    line_of,
)
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import (
    Opened,
    ProviderContract,
    answer,
    chat_request,
    finish_with,
    summary,
)

VERSION = ModelVersion(
    model="m",
    number=1,
    digest="",
    definition={"hosted": {"provider": "r", "upstream": "gpt-4o-2024-08-06"}},
)
SAID = "  You said:\n\n  hello,  caf\u00e9 \u2014 ok? "


def recorded(question, text="", **fields):
    asked = asked_of(chat_request(question).conversation())
    usage = RecordedUsage(input_tokens=4, output_tokens=2, cached_tokens=1)
    told = RecordedAnswer(
        text=text or f"You said: {question}",
        usage=usage,
        served="gpt-4o-2024-08-06",
        **fields,
    )
    return line_of(RecordedCall(asked=asked, answer=told))


def opened(path, *lines, **config):
    path.write_bytes(b"".join(lines))
    made = provider(Config(calls=str(path), **config), None, None)
    return Opened(made, made.open(VERSION))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "calls.jsonl"


def ask(it, question="hello", **fields):
    return finish_with(it, answer(it.runner, chat_request(question, **fields)))


class TestReplay(ProviderContract):
    @pytest.fixture
    def working(self, file):
        words = ("refund", "parcel", "invoice") * 4
        questions = ["hello", *(f"{word} {n}" for n, word in enumerate(words))]
        return opened(file, *map(recorded, questions))

    @pytest.fixture
    def broken(self, file):
        return opened(file)

    @pytest.fixture
    def silent(self):
        return None

    @pytest.fixture
    def cut(self):
        return None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_answer_is_what_it_was_with_its_usage(file, stream):
    tool = RecordedTool(id="c1", name="f", arguments='{"a": "b"}')
    line = recorded("hello", SAID, finish="tool_calls", tool_calls=[tool])
    outcome = summary(ask(opened(file, line), stream=stream))

    assert "".join(outcome.text) == SAID
    assert outcome.tools == {0: ["c1", "f", '{"a": "b"}']}
    assert (outcome.finish, outcome.served) == ("tool_calls", "gpt-4o-2024-08-06")
    assert outcome.usage.cached_tokens == 1


def test_a_stream_comes_in_pieces(file):
    chunks = ask(opened(file, recorded("hello", SAID)), stream=True)

    assert len([c for c in chunks if c.text]) == 7


def test_of_two_answers_to_one_question_the_last_counts(file):
    lines = recorded("hello", "old"), recorded("hello", "new")

    assert ask(opened(file, *lines))[0].text == "new"


def test_a_miss_names_the_question_and_the_nearest_one(file):
    it = opened(file, recorded("where is my refund"), recorded("what is the time"))
    with pytest.raises(Refused, match=r"sha256:[0-9a-f]{64}") as raised:
        ask(it, "where is my parcel")

    assert "where is my refund" in raised.value.hint
    assert not raised.value.retryable


def test_another_parameter_is_another_question(file):
    with pytest.raises(Refused):
        ask(opened(file, recorded("hello")), temperature=1.0)


def test_a_file_is_pinned_by_its_digest(file):
    line = recorded("hello")
    it = opened(file, line, digest=digest(line))

    assert ask(it)[-1].finish == "stop"
    assert unpinned(it.provider.config, "x") is None
    assert "digest" in unpinned(Config(calls="x"), "gpt-4o-2024-08-06")
    with pytest.raises(Corrupt):
        opened(file, line, b"\n", digest=digest(line))


@pytest.mark.parametrize(
    "line",
    [
        b"secret",
        b"[]",
        b"{}",
        b'{"asked": {}, "answer": 5}',
        b'{"asked": 1, "answer": {}}',
        b'{"asked": {"turns": [{"role": "user", "parts": [1]}]}, "answer": {}}',
        b'{"asked": {"a": 1e999}, "answer": {}}',
        b"\xff\xfe\x00",
    ],
)
def test_a_line_that_is_no_call_is_named_by_its_number_and_not_repeated(file, line):
    with pytest.raises(ProviderError, match="line 2 ") as raised:
        opened(file, recorded("hello"), line, b"\n")

    assert "secret" not in str(raised.value) + raised.value.hint


def test_a_file_that_is_not_there_is_a_provider_error(tmp_path):
    for calls in ("nothing.jsonl", "."):
        made = provider(Config(calls=str(tmp_path / calls)), None, None)
        with pytest.raises(ProviderError, match="cannot be read"):
            made.open(VERSION)


def test_tensors_and_trained_models_are_not_replayed(file):
    it = opened(file, recorded("hello"))
    with pytest.raises(Invalid, match="conversations"):
        finish_with(it, answer(it.runner, TensorRequest(inputs=())))

    assert unfit(it.provider.config, {"trained": {}})
