"""Files that the other tools wrote, or as their formats are documented."""

from pathlib import Path

import pytest

from roadbed.evals.importing import cases, form_of, read

FILES = Path(__file__).parent / "files"


def imported(name):
    return list(read(FILES / name))


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_each_file_is_recognised_and_says_where_each_case_came_from(path):
    form = form_of(path)
    found = list(read(path))

    assert path.name.startswith(form)
    assert found
    for each in found:
        told = each.case.provenance
        assert (told["imported"], told["file"]) == (form, path.name)
        assert told["digest"].startswith("sha256:")
        assert told["sample"] == each.case.id
    assert len({case.id for case in cases(found)}) == len(cases(found))


def test_inspect_samples_come_with_answers_and_scores_of_every_epoch():
    """Written by Inspect 0.3.285 with its mock model, packed with Zstandard."""
    found = imported("inspect.eval")
    by_key = {(each.case.id, each.repeat): each for each in found}
    peru = by_key["2", 0]

    assert sorted(by_key) == [(i, e) for i in ("2", "fr", "mc") for e in (0, 1)]
    assert peru.case.input == "What is the capital of Peru?"
    assert peru.case.expected == ["Lima", "lima"]
    assert peru.answered.text in ("Paris.", "Lima it is.", "B")
    assert peru.answered.finish == "stop"
    assert peru.answered.output_tokens > 0
    assert peru.grades["includes"].value == float("Lima" in peru.answered.text)
    assert peru.grades["parts.polite"].value == 0.5
    assert by_key["fr", 0].case.tags == ("topic:geo",)
    assert by_key["mc", 0].case.input.endswith("A) Mars\nB) Jupiter")
    assert len(cases(found)) == 3


def test_both_forms_of_an_inspect_log_are_the_same_cases():
    packed, plain = imported("inspect.eval"), imported("inspect.json")
    digests = [{each.case.digest for each in found} for found in (packed, plain)]

    assert digests[0] == digests[1]
    assert len(plain) == 3


@pytest.mark.parametrize("name", ["promptfoo.json", "promptfoo.jsonl"])
def test_promptfoo_results_come_with_answers_and_assertions(name):
    """Written by promptfoo 0.121.20 with its echo provider."""
    found = imported(name)
    failed = next(e for e in found if e.case.id == "test-2/prompt-1")

    assert len(found) == 4
    assert failed.case.input == "Answer briefly: What is the capital of France?"
    assert failed.case.expected == "paris"
    assert failed.answered.text == failed.case.input
    assert failed.answered.latency_us > 0
    assert failed.grades["promptfoo"].value == pytest.approx(1 / 3)
    assert failed.grades["accuracy"].label == "fail"
    assert failed.grades["latency"].value == 1.0
    assert {e.case.cluster for e in found} == {"test-1", "test-2"}
    assert next(e for e in found if e.case.cluster == "test-1").case.tags == (
        "topic:refunds",
    )


def test_promptfoo_tests_are_cases_without_answers():
    first, second = imported("promptfoo.yaml")
    table = imported("promptfoo.csv")

    assert first.case.input == "How long do refunds take, 14 days?"
    assert first.case.expected["contains"] == "14 days"
    assert second.case.expected == "paris"
    assert second.answered is None
    assert table[0].case.expected == {"contains": "14 days", "icontains": "refund"}
    assert table[1].case.expected == "Paris"
    assert table[1].case.tags == ("topic:geography",)


def test_openai_evals_samples_and_logs():
    first, second = imported("openai-evals.jsonl")
    right, wrong = imported("openai-evals-log.jsonl")

    assert first.case.input[1]["content"] == "France?"
    assert second.case.expected == ["Sucre", "La Paz"]
    assert (right.answered.text, right.grades["match"].value) == ("Paris", 1.0)
    assert (wrong.case.expected, wrong.grades["match"].value) == ("Lima", 0.0)
    assert wrong.case.provenance["line"] == 3


def test_lm_eval_samples_that_were_written_and_chosen():
    strict, flexible = imported("lm-eval-generate.jsonl")
    yes, older = imported("lm-eval-choices.jsonl")

    assert strict.case.digest == flexible.case.digest
    assert strict.answered.text == "7"
    assert strict.grades["exact_match/strict-match"].value == 1.0
    assert yes.case.input["choices"] == [" no", " yes"]
    assert (yes.case.expected, yes.answered.text) == ("yes", "yes")
    assert yes.grades == {"acc": yes.grades["acc"]}
    assert (older.case.expected, older.answered.text) == ("no", "yes")
