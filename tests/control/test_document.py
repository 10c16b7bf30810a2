"""YAML as plain values with their lines."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.control.document import MAX_WHOLE, dotted, read_documents, write_document


def read(text):
    documents, problems = read_documents(text, "a.yaml")
    assert not problems
    return documents[0]


def faults(text):
    return [str(p) for p in read_documents(text, "a.yaml")[1]]


def test_every_part_knows_its_line():
    document = read("a: 1\nb:\n  - x\n  - c: y\n")

    assert document.value == {"a": 1, "b": ["x", {"c": "y"}]}
    assert document.line(("b", 1, "c")) == 4
    assert document.line(("b", 7)) == 2


def test_the_lines_of_a_second_document_go_on():
    first, second = read_documents("a: 1\n---\n\nb: 2\n", "a.yaml")[0]

    assert (first.line(("a",)), second.line(("b",))) == (1, 4)


def test_a_document_of_comments_is_none():
    assert read_documents("# nothing\n---\n# at all\n", "a.yaml") == ([], [])


@pytest.mark.parametrize("word", ["no", "on", "2024-08-06", "12:30:45", "0x1f", ".inf"])
def test_words_stay_words(word):
    assert read(f"a: {word}").value == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-2", -2), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("~", None)],
)
def test_numbers_and_truths_are_read(text, value):
    assert read(f"a: {text}").value == {"a": value}


def test_a_key_that_stands_twice_is_named_with_both_lines():
    assert faults("a: 1\nb: 2\na: 3\n") == [
        "a.yaml:3: a: stands twice; the first is on line 1 (keep one of them)"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [1\n", "a.yaml:2: is no YAML: expected ',' or ']', but got"),
        ("a:\n\t- 1\n", "a.yaml:2: is no YAML: found character '\\t' that cannot"),
        ("a: *b\n", "a.yaml:1: is no YAML: found undefined alias"),
        ("\na: \x07\n", "a.yaml:2: holds a character that YAML refuses"),
        ("a: !!python/name:os.system x\n", "a.yaml:1: a: a YAML tag is not read"),
        ("a: !!int x\n", "a.yaml:1: a: is no whole number"),
        ("1: a\n", 'a.yaml:1: a key is text (write "1")'),
        ("? [a]\n: b\n", "a.yaml:1: a key is text, not a list or a mapping"),
        (f"a: {MAX_WHOLE + 1}\n", "a.yaml:1: a: is no whole number"),
        ("a: 1e999\n", "a.yaml:1: a: is no number that can be kept"),
        ('a: "\\ud800"\n', "a.yaml:1: a: holds half of a character"),
        ("a: &b [*b]\n", "a.yaml:1: a[0][0][0]: nests too deeply, or contains itself"),
        ("a: " + "[" * 60 + "]" * 60, "a.yaml:1: a[0][0][0]: nests too deeply"),
        ("a: " + "[" * 5000, "a.yaml:1: nests too deeply"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text, fault):
    assert faults(text)[0].startswith(fault)


def test_a_small_file_cannot_grow_without_end():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]

    assert "holds more than 100000 values" in faults("\n".join(lines))[0]


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    documents, problems = read_documents(text, "a.yaml")

    assert all(p.line >= 1 and p.file == "a.yaml" for p in problems)
    assert all(d.line(()) >= 1 for d in documents)


def test_a_path_is_written_as_people_write_it():
    assert dotted(("spec", "roles", 1, "name")) == "spec.roles[1].name"


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=9)
like_numbers = st.from_regex(r"[-+0]?[0-9._]*[eExX]?[-+]?[0-9]+", fullmatch=True)


@example("12345e67")
@example("0189")
@example("1e3")
@example("no")
@example("0x1f")
@example("12:30:45")
@example("two\nlines ")
@given(words | like_numbers)
def test_what_is_written_is_read_again_as_the_text_it_was(word):
    value = {"a": word, "b": [word, 1, 1e-05, 1e16, True, None], "c": {"d": word}}

    assert read(write_document(value)).value == value
    assert yaml.safe_load(write_document(value)) == value
