import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Invalid, NotFound
from roadbed.evals.importing import cases, form_of, read

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [
    *("id", "input", "ideal", "target", "output", "scores", "epoch", "metadata"),
    *("sample_id", "type", "data", "doc_id", "doc", "arguments", "filtered_resps"),
    *("testCase", "prompt", "vars", "assert", "gradingResult", "response", "tags"),
]


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_plain_file_of_cases(tmp_path):
    rows = [
        {"id": "a", "input": "1+1?", "expected": "2", "tags": ["sum"], "weight": 2},
        {"question": "2+2?", "answer": 4, "metadata": {"topic": "sum"}},
    ]
    first, second = cases(read(lines(tmp_path / "cases.jsonl", *rows)))

    assert (first.id, first.expected, first.tags, first.weight) == (
        *("a", "2", ("sum",)),
        2.0,
    )
    assert (second.id, second.expected, second.tags) == ("line-2", 4, ("topic:sum",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"input": 1}\n{"input": \n', "line 2 is no JSON"),
        ('{"input": 1}\n\n[1]\n', "line 3 is no JSON object"),
        ('{"input": 1}\n{"x": 1}\n', "line 2 has no input"),
        ('{"input": 1, "weight": -1}\n', "line 1: the weight"),
        ('{"id": "q", "input": "\\ud800"}\n', "sample 'q' cannot be kept"),
        ('{"input": ' + "[" * 50_000 + "\n", "line 1 is no JSON"),
    ],
)
def test_what_is_wrong_names_its_line_or_sample(tmp_path, text, told):
    path = tmp_path / "cases.jsonl"
    path.write_text(text)

    with pytest.raises(Invalid, match=f"cases.jsonl: .*{told}"):
        list(read(path))


def test_two_cases_of_one_name_are_refused(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": 1, "input": "a"}, {"id": 1, "input": "b"})

    with pytest.raises(Invalid, match="two different cases are called '1'"):
        cases(read(path))


def test_a_file_of_no_form_says_which_there_are(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"\0" * 100)

    with pytest.raises(Invalid) as caught:
        form_of(path)
    assert "inspect" in caught.value.hint
    with pytest.raises(Invalid, match="no such file"):
        list(read(tmp_path / "none.jsonl"))
    with pytest.raises(NotFound, match="no import is called 'excel'"):
        list(read(path, "excel"))


def test_a_file_is_read_as_it_is_needed(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text('{"input": 1}\n' * 10 + "broken\n")
    found = read(path)

    assert [next(found).case.id for _ in range(10)][-1] == "line-10"
    with pytest.raises(Invalid, match="line 11"):
        next(found)


def test_a_damaged_or_hostile_archive_is_refused(tmp_path):
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../samples/evil.json", "{}")
        archive.writestr("samples/a_epoch_1.json", '{"id": "a", "input": "q"}')
    (only,) = read(path)
    assert only.case.id == "a"

    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Invalid, match="damaged"):
        list(read(path))


def test_a_member_that_says_it_is_huge_is_not_unpacked(tmp_path):
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/a_epoch_1.json", b" " * 300)
    data = bytearray(path.read_bytes())
    size = data.index(b"PK\x01\x02") + 24
    data[size : size + 4] = (300_000_000).to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(Invalid, match="larger than 256 MB"):
        list(read(path))


def test_yaml_that_unfolds_is_refused(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("a: &a [1]\ntests:\n- vars: {x: *a}\n")

    with pytest.raises(Invalid, match="aliases"):
        list(read(path, "promptfoo"))


def test_a_prompt_is_filled_where_the_test_has_all_of_it(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(
        "prompts: 'Translate {{ text }} to {{lang}}.'\n"
        "tests:\n- vars: {text: ja, lang: English}\n- vars: {text: nein}\n"
    )
    first, second = read(path)

    assert first.case.input == "Translate ja to English."
    assert second.case.input == "nein"


@pytest.mark.parametrize(
    "form", ["inspect", "jsonl", "lm-eval", "openai-evals", "promptfoo"]
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.dictionaries(st.sampled_from(NAMES), plain, max_size=8))
def test_no_content_breaks_a_reader(tmp_path, form, row):
    """What is read can be kept, or it is refused with an error that names it."""
    path = tmp_path / ("x.json" if form == "inspect" else "x.jsonl")
    text = json.dumps({"samples": [row]} if form == "inspect" else row)
    path.write_text(text + "\n")
    try:
        found = list(read(path, form))
    except Invalid as error:
        assert "x.json" in error.message
        return

    assert all(each.case.digest for each in found)
