"""The extractive provider: a search that cites, and never pretends to be more."""

import asyncio

import pytest

from roadbed.adapters.providers.extractive import Config, provider, unfit, unpinned
from roadbed.core.digest import digest
from roadbed.core.errors import Corrupt, Invalid, NotFound, TimedOut, Unavailable
from roadbed.inference.call import TensorRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import (
    Opened,
    ProviderContract,
    answer,
    chat_request,
    finish_with,
    make_call,
    summary,
)

RETURNS = """# Returns

Send a parcel back within 30 days of delivery.

## Refunds

A refund is paid within 14 days. It goes to the card that was charged.

## Exchanges

We exchange shoes for another size, once.
"""
BILLING = "An invoice is sent by mail each month.\n\nAsk for a copy of any invoice.\n"
FILES = {"returns.md": RETURNS, "billing.txt": BILLING}
NOTICE = (
    "This is an extract of documents, found by a search; no language model wrote it."
)


class Kept:
    """Blobs in memory, of which some may be missing."""

    def __init__(self, files):
        self.blobs = {digest(text): text for text in files.values()}

    def get(self, name):
        if name not in self.blobs:
            raise NotFound(f"no blob {name}")
        yield from (self.blobs[name][:7], self.blobs[name][7:])


def opened(files=FILES, *, blobs=None, **hosted):
    data = {p: t.encode() if isinstance(t, str) else t for p, t in files.items()}
    listed = [
        {"path": path, "digest": digest(text), "bytes": len(text)}
        for path, text in data.items()
    ]
    documents = {"path": "documents", "digest": "sha256:0", "files": listed}
    body = {"upstream": "extractive-1", "context": {"documents": documents}} | hosted
    definition = {"hosted": body}
    version = ModelVersion(model="faq", number=1, digest="", definition=definition)
    made = provider(Config(), blobs or Kept(data), None)
    return Opened(made, made.open(version))


def ask(question, files=FILES, *, stream=False):
    both = opened(files)
    work = answer(both.runner, chat_request(question, stream=stream))
    return summary(finish_with(both, work))


class TestExtractive(ProviderContract):
    reports_usage = False

    @pytest.fixture
    def working(self):
        return opened()

    @pytest.fixture
    def broken(self):
        both = opened()
        asyncio.run(both.runner.close())
        return both

    @pytest.fixture
    def silent(self):
        return None

    @pytest.fixture
    def cut(self):
        return None


# Answers.


def test_the_first_line_says_that_no_language_model_wrote_it():
    for question in ("refund", "zebra", ""):
        text = "".join(ask(question).text)

        assert text.splitlines()[0] == NOTICE


def test_the_best_passage_comes_first_with_its_citation():
    text = "".join(ask("After how many days is a refund paid?").text)

    assert text.splitlines()[2:] == [
        "A refund is paid within 14 days. It goes to the card that was charged. [1]",
        "",
        "Send a parcel back within 30 days of delivery. [2]",
        "",
        "[1] returns.md, Returns / Refunds",
        "[2] returns.md, Returns",
    ]


def test_a_citation_names_the_document_the_passage_and_their_digests():
    cited = ask("refund").annotations[0]

    quoted = "A refund is paid within 14 days. It goes to the card that was charged."
    assert cited.pop("score") > 0
    assert cited.pop("passage").startswith("returns.md#")
    assert cited == {
        "type": "file_citation",
        "index": 1,
        "filename": "returns.md",
        "heading": "Returns / Refunds",
        "passage_digest": digest(quoted.encode()),
        "quote": quoted,
        "document_digest": digest(RETURNS.encode()),
    }


def test_words_match_in_all_their_forms_and_without_accents():
    files = {"a.md": "The café exchanges vouchers.", "b.md": "Nothing of note."}

    for question in ("exchanging", "VOUCHER", "cafe"):
        assert ask(question, files).annotations[0]["filename"] == "a.md"


def test_a_word_in_the_heading_counts_more_than_one_in_the_text():
    files = {"a.md": "# Keys\n\nTurn left.", "b.md": "# Doors\n\nKeys turn left."}

    found = ask("keys", files).annotations

    assert [c["filename"] for c in found] == ["a.md", "b.md"]


def test_at_most_three_passages_are_quoted_and_none_twice():
    files = {f"{n}.md": f"Trains {'run ' * n}late." for n in range(1, 6)}
    files["copy.md"] = files["1.md"]

    found = ask("trains", files).annotations

    assert [c["index"] for c in found] == [1, 2, 3]
    assert len({c["passage_digest"] for c in found}) == 3


@pytest.mark.parametrize("question", ["zebra", "what is it?", "", "?!", "_ __"])
def test_a_question_that_matches_nothing_is_told_so(question):
    said = ask(question)

    assert "".join(said.text).endswith(
        "Nothing in the 2 documents matches this question."
    )
    assert (said.annotations, said.finish) == ([], "stop")


def test_a_stream_is_the_same_answer_sentence_by_sentence():
    whole, stream = ask("refund invoice"), ask("refund invoice", stream=True)

    assert "".join(stream.text) == "".join(whole.text)
    assert len(stream.text) > 5
    assert stream.annotations == whole.annotations
    assert stream.served == whole.served == "extractive-1"


def test_the_order_in_which_files_are_listed_changes_nothing():
    turned = dict(reversed(FILES.items()))

    assert ask("days mail parcel").text == ask("days mail parcel", turned).text


# Opening.


@pytest.mark.parametrize(
    ("hosted", "word"),
    [
        ({"upstream": "extractive"}, "extractive-1"),
        ({"upstream": "extractive-2"}, "extractive-1"),
        ({"prompt": "Be kind."}, "prompt"),
        ({"parameters": {"temperature": 1}}, "parameters"),
        ({"context": None}, "documents"),
        ({"context": {"documents": {"files": []}}}, "documents"),
    ],
)
def test_a_definition_that_is_no_search_is_refused(hosted, word):
    with pytest.raises(Invalid) as raised:
        opened(**hosted)

    assert word in raised.value.message + raised.value.hint


def test_a_document_that_is_no_text_is_named():
    with pytest.raises(Invalid, match=r"logo\.png"):
        opened({"logo.png": b"\x89PNG\xff"})


def test_a_document_that_is_no_text_is_named_when_it_is_planned():
    file = {"path": "logo.png", "digest": digest(b"\xff"), "bytes": 1}
    body = {"upstream": "extractive-1", "context": {"documents": {"files": [file]}}}

    assert unfit(Config(), {"hosted": body}) is None
    file["data"] = b"\xff"
    assert "'logo.png' is not UTF-8" in unfit(Config(), {"hosted": body})


def test_a_document_that_was_lost_is_named():
    with pytest.raises(Corrupt, match=r"returns\.md"):
        opened({"returns.md": RETURNS}, blobs=Kept({}))


def test_empty_documents_can_be_searched_in_vain():
    said = ask("refund", {"empty.md": "", "only-a-heading.md": "# Refund"})

    assert "Nothing in the 2 documents" in "".join(said.text)


def test_tensors_are_refused_kindly():
    both = opened()

    with pytest.raises(Invalid, match="questions"):
        finish_with(both, answer(both.runner, TensorRequest(inputs=())))


def test_a_call_whose_time_is_up_is_not_answered():
    both = opened()
    call = make_call(both.runner, chat_request("refund"), deadline_ms=5)
    call.started_ns -= 1_000_000_000

    with pytest.raises(TimedOut, match="5 ms"):
        finish_with(both, anext(both.runner.send(call)))


def test_a_version_that_was_closed_is_unavailable():
    both = opened()
    asyncio.run(both.runner.close())

    with pytest.raises(Unavailable, match="closed"):
        asyncio.run(answer(both.runner, chat_request("refund")))


def test_metadata_says_how_much_there_is_to_search():
    facts = opened().runner.metadata()

    assert (facts["documents"], facts["passages"]) == (2, 4)


def test_only_a_version_of_the_algorithm_is_a_pin():
    assert unpinned(Config(), "extractive-1") is None
    assert "extractive-1" in unpinned(Config(), "extractive")
