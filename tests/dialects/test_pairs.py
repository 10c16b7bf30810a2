"""Each dialect of upstreams, for a caller of each: a stream says what the whole says.

Packages of `roadbed.dialects` join by themselves, and fail here until somebody has
written by hand how they speak (`upstreams.py`) and how they are heard (`pairs.py`).
"""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from roadbed.core.errors import ProviderError, Truncated
from roadbed.dialects.base import Ends
from roadbed.testing.provider_contract import chat_request, make_call
from tests.dialects.pairs import (
    EARS,
    SPOKEN,
    WRITTEN,
    answers,
    chunks_of,
    conversations,
    gist,
    meant,
)
from tests.dialects.upstreams import UPSTREAMS

REQUEST = chat_request("hi", stream=True, wants_usage=True)
CALL = make_call(None, REQUEST)
PAIRS = [(w, s) for w in sorted(WRITTEN) for s in sorted(SPOKEN)]
CUTS = st.lists(st.integers(0, 4000), max_size=4).map(sorted)


def read_whole(name, body):
    return [WRITTEN[name].reader(REQUEST, None).whole(body)]


def read_stream(name, data, cuts=()):
    """Return the chunks of a stream, wherever the network cut it."""
    reader, frames = WRITTEN[name].reader(REQUEST, None), UPSTREAMS[name].frames()
    at = [0, *(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = []
    for piece in (data[a:b] for a, b in pairwise(at)):
        for event in frames.feed(piece):
            if (chunk := reader.event(*event)) is not None:
                chunks.append(chunk)
    if not reader.done:
        last = reader.end() if isinstance(reader, Ends) else None
        if last is None:
            raise Truncated("the stream stopped before it had finished")
        chunks.append(last)
    return chunks


def shown(spoken, chunks):
    """Return what a caller is shown of *chunks*, streamed."""
    view = spoken.view(CALL)
    return b"".join(map(view.show, chunks)) + view.last()


def test_every_dialect_of_conversations_is_in_these_tests():
    assert {"openai", "gemini", "bedrock"} <= set(WRITTEN) <= set(UPSTREAMS)
    assert {"openai"} <= set(SPOKEN) <= set(EARS)


@pytest.mark.parametrize(("upstream", "caller"), PAIRS)
@settings(max_examples=8)
@given(data=st.data(), cuts=CUTS)
def test_a_stream_and_a_whole_answer_are_heard_alike(upstream, caller, data, cuts):
    """Texts, thoughts, arguments to the byte, reasons to stop, and tokens."""
    speaks, spoken, ears = UPSTREAMS[upstream], SPOKEN[caller], EARS[caller]
    answer = data.draw(answers(speaks.finishes))

    streamed = read_stream(upstream, speaks.stream(answer), cuts)
    whole = spoken.whole(CALL, read_whole(upstream, speaks.whole(answer)))

    expected = meant(answer, caller)
    assert ears.stream(shown(spoken, streamed)) == expected
    assert ears.whole(whole) == expected
    assert ears.whole(spoken.whole(CALL, streamed)) == expected or own(streamed, spoken)


def own(chunks, spoken):
    """Say whether a stream of the caller's own dialect: it never becomes a whole."""
    return chunks[0].dialect == spoken.name


@pytest.mark.parametrize("caller", sorted(SPOKEN))
@settings(max_examples=15)
@given(answer=answers(("stop", "length", "content_filter")))
def test_pieces_of_the_inner_form_are_heard_alike_streamed_and_whole(caller, answer):
    spoken, chunks = SPOKEN[caller], chunks_of(answer)

    streamed, whole = shown(spoken, chunks), spoken.whole(CALL, chunks)

    expected = meant(answer, caller)
    assert EARS[caller].stream(streamed) == EARS[caller].whole(whole) == expected


@pytest.mark.parametrize("upstream", sorted(WRITTEN))
@settings(max_examples=15)
@given(data=st.data(), cuts=CUTS)
def test_a_stream_and_a_whole_answer_are_counted_alike(upstream, data, cuts):
    """What is recorded of both: usage with its parts, and the finish."""
    speaks = UPSTREAMS[upstream]
    answer = data.draw(answers(speaks.finishes))

    streamed = read_stream(upstream, speaks.stream(answer), cuts)
    (whole,) = read_whole(upstream, speaks.whole(answer))

    usage = answer.usage
    if not speaks.counts_thoughts:
        usage = replace(usage, reasoning_tokens=0)
    assert (streamed[-1].usage, streamed[-1].finish) == (usage, answer.finish)
    assert (whole.usage, whole.finish) == (usage, answer.finish)
    assert all(c.usage is None and c.finish is None for c in streamed[:-1])


@pytest.mark.parametrize("upstream", sorted(WRITTEN))
@settings(max_examples=15)
@given(data=st.data(), share=st.floats(0, 0.999))
def test_no_stream_that_was_cut_is_finished(upstream, data, share):
    """Unless it is cut after all that counts: the reason to stop, and the usage."""
    speaks = UPSTREAMS[upstream]
    answer = data.draw(answers(speaks.finishes))
    stream = speaks.stream(answer)

    try:
        chunks = read_stream(upstream, stream[: int(len(stream) * share)])
    except ProviderError:
        return
    assert chunks[-1].finish == answer.finish
    assert not chunks[-1].usage or chunks[-1].usage.output_tokens > 0 or _free(answer)


def _free(answer):
    return answer.usage.output_tokens == 0


@pytest.mark.parametrize("name", sorted(set(WRITTEN) & set(SPOKEN)))
@settings(max_examples=15)
@given(asked=conversations())
def test_a_conversation_that_is_written_is_read_as_what_it_was(name, asked):
    fields = WRITTEN[name].write(asked)

    _, request = SPOKEN[name].read(body_of(fields))

    assert gist(request.conversation()) == gist(asked)


def body_of(fields):
    named = [(b'"%b":' % k.encode()) + bytes(v) for k, v in fields.items()]
    return b'{"model":"m",' + b",".join(named) + b"}"
