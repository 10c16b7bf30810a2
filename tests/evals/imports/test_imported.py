"""What is imported is read back as the same cases."""

from pathlib import Path

import pytest

from roadbed.core.errors import Invalid
from roadbed.evals.cases import read_cases
from roadbed.evals.imported import imported, stream_of
from roadbed.evals.importing import read
from roadbed.evals.kinds import Cases

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize(
    "name", ["inspect.json", "promptfoo.json", "openai-evals.jsonl", "promptfoo.yaml"]
)
def test_cases_of_other_tools_come_back_from_a_golden_set(datasets, name):
    found = imported(read(FILES / name))

    made = datasets.snapshot("kept", stream_of(found.cases), "user:a#1")
    back = list(read_cases(datasets, made, Cases(dataset="kept@1")))

    assert [case.id for case in back] == [case.id for case in found.cases]
    assert [case.digest for case in back] == [case.digest for case in found.cases]
    assert [case.tags for case in back] == [case.tags for case in found.cases]
    assert back[0].provenance == dict(found.cases[0].provenance)


def test_recorded_grades_are_counted():
    found = imported(read(FILES / "inspect.json"))
    assert found.answers >= len(found.cases)
    assert found.scores
    assert all(0 <= scores.mean <= 1 for scores in found.scores.values())


def test_a_file_without_cases_is_none():
    with pytest.raises(Invalid, match="no case"):
        imported([])
