"""The provider contract finds out those who lie."""

import asyncio

import pytest

from roadbed.core.errors import ProviderError, TimedOut, Unavailable
from roadbed.inference.call import Chunk, Usage
from roadbed.testing.provider_contract import Opened, ProviderContract, chat_request

COUNTED = Usage(input_tokens=1, output_tokens=1)


class Scripted:
    """A provider and runner in one that sends a script: chunks, errors and waits."""

    def __init__(self, *script):
        self.script = script

    async def send(self, call):
        for part in self.script:
            if isinstance(part, Exception):
                raise part
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            yield part

    def metadata(self):
        return {}

    async def close(self):
        pass


def lying(*script):
    double = Scripted(*script)
    return Opened(double, double)


contract = ProviderContract()


@pytest.mark.parametrize(
    "chunks",
    [
        [Chunk(text="no end")],
        [Chunk(finish="stop"), Chunk(text="after the end")],
        [Chunk(finish="stop"), Chunk(finish="stop")],
    ],
)
def test_an_answer_with_a_wrong_end_is_found_out(chunks):
    with pytest.raises(AssertionError):
        contract.test_the_last_chunk_says_that_it_is_the_last(lying(*chunks), False)


@pytest.mark.parametrize("usage", [None, Usage()])
def test_missing_usage_is_found_out(usage):
    silent = lying(Chunk(finish="stop", usage=usage))

    with pytest.raises(AssertionError):
        contract.test_usage_is_there_when_the_provider_reports_it(silent, False)


def test_a_foreign_error_is_found_out():
    with pytest.raises(KeyError):
        contract.test_a_failure_is_a_provider_error(lying(KeyError("x")), False)


@pytest.mark.parametrize("script", [(0.6, TimedOut("late")), (TimedOut("early"),)])
def test_a_deadline_that_is_not_kept_is_found_out(script, monkeypatch):
    monkeypatch.setattr(contract, "patience_s", 0.5)
    with pytest.raises(AssertionError):
        contract.test_silence_ends_at_the_deadline(lying(*script), False)


def test_silence_under_another_name_is_found_out():
    with pytest.raises(Unavailable):
        contract.test_silence_ends_at_the_deadline(lying(Unavailable("no")), False)


@pytest.mark.parametrize("lie", [Chunk(finish="stop"), Chunk(usage=COUNTED)])
def test_an_invented_end_or_count_is_found_out(lie):
    cut = lying(Chunk(text="half"), lie, ProviderError("cut"))

    with pytest.raises(AssertionError):
        contract.test_a_cut_answer_is_never_finished(cut, True)


def test_a_cut_that_goes_unnoticed_is_found_out():
    with pytest.raises(pytest.fail.Exception):
        contract.test_a_cut_answer_is_never_finished(lying(Chunk(text="half")), True)


class Mixing(Scripted):
    """Answers with whatever was asked last, by anyone."""

    async def send(self, call):
        self.asked = call.request.question()
        await asyncio.sleep(0.01)
        yield Chunk(text=self.asked, finish="stop")


def test_answers_that_mix_are_found_out():
    double = Mixing()

    with pytest.raises(AssertionError):
        contract.test_answers_to_concurrent_calls_do_not_mix(Opened(double, double))


class Leaking(Scripted):
    """Leaves a task behind at every call."""

    async def send(self, call):
        self.task = asyncio.create_task(asyncio.sleep(60))
        yield Chunk(finish="stop")


def test_a_task_that_is_left_behind_is_found_out():
    double = Leaking()

    with pytest.raises(AssertionError):
        contract.test_closing_is_clean_and_may_be_repeated(Opened(double, double))


def test_an_honest_provider_passes():
    honest = lying(Chunk(text="hi"), Chunk(finish="stop", usage=COUNTED))

    contract.test_the_last_chunk_says_that_it_is_the_last(honest, True)
    contract.test_usage_is_there_when_the_provider_reports_it(honest, True)
    contract.test_answers_to_concurrent_calls_do_not_mix(honest)
    contract.test_closing_is_clean_and_may_be_repeated(honest)
    assert chat_request("a", stream=True).stream
