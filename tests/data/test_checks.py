"""What must hold of rows is asked of all of them, before a version exists."""

import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.control.custody import compare, held
from roadbed.core.digest import digest
from roadbed.core.errors import Invalid
from roadbed.data.checks import Check, rules_of
from roadbed.data.datasets import Datasets
from roadbed.data.kinds import Dataset
from roadbed.data.making import wish_of
from roadbed.data.sources import Wish
from tests.data.conftest import StoppedClock
from tests.data.test_kinds import TUMORS

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ROWS = {"id": [1, 2, 2, None], "age": [5, -1, 200, None], "who": ["a", "bb", None, "c"]}


def checks(*said):
    return rules_of([Check.model_validate(one) for one in said], NOW)


@pytest.fixture
def made(sqlite_database, blobs):
    return Datasets(sqlite_database, blobs, StoppedClock(), DuckdbTables(40))


def refusal(made, source, *said, **more):
    with pytest.raises(Invalid) as caught:
        made.snapshot("t", source, "me", Wish(rules=checks(*said), **more))
    assert made.list("t") == []
    return [(p.field, p.message, p.hint) for p in caught.value.problems]


def test_every_check_that_fails_is_named_with_its_column_rows_and_examples(made):
    said = [
        {"column": "id", "not_null": True, "unique": True},
        {"column": "age", "min": 0, "max": 150},
        {"column": "who", "matches": "[a-z]", "in_set": ["a", "c"]},
        {"rows": {"min": 5}},
        {"sql": "age < 100"},
    ]

    found = refusal(made, ROWS, *said)

    assert [(field, message.split(" ")[0]) for field, message, _ in found] == [
        *[("id", "1"), ("id", "1"), ("age", "1"), ("age", "1")],
        *[("who", "1"), ("who", "1"), ("", "a"), ("", "1")],
    ]
    assert found[2][1:] == (
        "1 row breaks the check 'age is at least 0'",
        "for example row 2: '-1'",
    )
    assert found[1][2] == "for example row 3: '2'"


def test_confidential_values_are_not_shown(made):
    ((_, message, hint),) = refusal(
        made, ROWS, {"column": "age", "max": 9}, masked=True
    )

    assert "200" not in message + hint
    assert hint == "for example row 3: ****"


def test_five_examples_are_enough(made):
    ((_, message, hint),) = refusal(made, {"a": [0] * 40}, {"column": "a", "min": 1})

    assert message.startswith("40 rows break")
    assert hint.count("row ") == 5


few = settings(max_examples=6, suppress_health_check=list(HealthCheck))
NUMBERS = st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=30)
TEXTS = st.sampled_from([None, "", "a", "ab", "b'", "é"])


@given(
    values=NUMBERS, least=st.integers(-5, 5), most=st.integers(-5, 5), data=st.data()
)
@few
def test_checks_find_what_looking_at_every_row_finds(
    values, least, most, data, tmp_path
):
    texts = data.draw(st.lists(TEXTS, min_size=len(values), max_size=len(values)))
    said = [
        {"column": "n", "not_null": True, "min": least, "max": most},
        {"column": "n", "unique": True, "in_set": [0, 1, 2]},
        {"column": "t", "matches": "[ab]+", "in_set": ["a", "b'"]},
        {"columns": ["n", "t"], "unique": True},
        {"sql": "n >= 0 OR t = 'a'"},
    ]
    source = {"n": [*values, 0], "t": [*texts, "a"]}
    engine = DuckdbTables(7)
    folder = tmp_path / digest(json.dumps(source).encode())[7:]
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink() if old.is_file() else None
    written = engine.write(source, folder)
    found = engine.judge([p.file for p in written.parts], checks(*said))

    numbers, words = source["n"], source["t"]
    known = [n for n in numbers if n is not None]
    texts = [t for t in words if t is not None]
    pairs = [p for p in zip(numbers, words, strict=True) if None not in p]
    false = [
        n is not None and n < 0 and t is not None and t != "a"
        for n, t in zip(numbers, words, strict=True)
    ]
    assert {item.rule.told: item.failing for item in found} == {
        "n is not null": numbers.count(None),
        f"n is at least {least}": sum(n < least for n in known),
        f"n is at most {most}": sum(n > most for n in known),
        "n is unique": sum(c - 1 for c in Counter(known).values()),
        "n is one of 0, 1, 2": sum(n not in (0, 1, 2) for n in known),
        "t matches [ab]+": sum(not re.fullmatch("[ab]+", t) for t in texts),
        "t is one of a, b'": sum(t not in ("a", "b'") for t in texts),
        "n, t is unique": sum(c - 1 for c in Counter(pairs).values()),
        "n >= 0 OR t = 'a'": sum(false),
    }
    assert all(len(i.examples) == min(i.failing, 5) for i in found)


@pytest.mark.parametrize(
    ("newest", "holds"),
    [(datetime(2026, 11, 19), True), (datetime(2026, 11, 12), False), (None, False)],
)
def test_old_data_is_not_fresh(made, newest, holds):
    said = {"column": "at", "fresh": "7d"}
    source = {"at": [None, newest], "n": [1, 2]}
    if holds:
        made.snapshot("t", source, "me", Wish(rules=checks(said)))
        assert made.newest("t").rows == 2
    else:
        assert refusal(made, source, said)[0][0] == "at"


def test_nan_is_within_no_bounds(made):
    source = {"x": [1.0, float("nan")]}

    assert len(refusal(made, source, {"column": "x", "min": 0, "max": 2})) == 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"column": "nope", "min": 1}, "'nope', which is no column"),
        ({"column": "who", "min": 1}, "cannot be asked"),
        ({"sql": "nope > 1"}, "cannot be asked"),
        ({"sql": "true) FROM t; DROP TABLE t --"}, "no SQL predicate"),
        ({"sql": "true; SELECT 1"}, "no SQL predicate"),
        ({"sql": "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0"}, "cannot be"),
        ({"column": "age", "matches": "[0-9]"}, "cannot be asked"),
    ],
)
def test_a_check_that_cannot_be_asked_is_refused_by_name(made, said, message):
    with pytest.raises(Invalid, match=re.escape(message)) as caught:
        made.snapshot("t", ROWS, "me", Wish(rules=checks(said)))
    assert "root:" not in caught.value.message
    assert made.list("t") == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"column": "a"},
        {"min": 1},
        {"columns": ["a", "b"], "min": 1},
        {"column": "a", "rows": {"min": 1}},
        {"column": "a", "fresh": "7 days"},
        {"column": "a", "in_set": []},
        {"column": "a", "matches": "("},
        {"column": "a", "matches": "(?=x)"},
        {"sql": ""},
        {"column": "a", "least": 1},
    ],
)
def test_a_check_that_says_nothing_or_too_much_is_refused(said):
    with pytest.raises(ValidationError):
        Check.model_validate(said)


def test_what_is_declared_is_written_as_it_was_said_and_old_plans_stay():
    said = [{"column": "a", "min": 1}, {"rows": {"min": 5, "max": None}}]
    plain = Dataset.model_validate(TUMORS).content()
    spec = Dataset.model_validate({**TUMORS, "key": ["a"], "checks": said})

    assert not {"key", "checks", "database", "query"} & plain.keys()
    assert spec.content()["checks"] == said
    assert wish_of(spec, NOW).masked
    with pytest.raises(ValidationError, match="needs `database`"):
        Dataset.model_validate({**TUMORS, "query": "SELECT 1"})


def test_the_report_is_kept_and_its_digest_is_on_record(made, blobs, tmp_path):
    rules = checks({"column": "a", "min": 0}, {"rows": {"min": 1}})
    first = made.snapshot("t", {"a": [1]}, "me")
    version = made.snapshot(
        "t", {"a": [1, 2]}, "me", Wish(rules=rules, parents=("t@1",))
    )
    report = json.loads(b"".join(blobs.get(version.report)))

    assert (report["dataset"], report["rows"]) == (version.digest, 2)
    assert [c["failing"] for c in report["checks"]] == [0, 0]
    log = AuditLog(made._database, None, None, tmp_path)
    newest, oldest = log.search(AuditQuery(action="dataset.write"))
    assert newest.detail["report"] == version.report
    assert "report" not in oldest.detail and first.report == ""
    with made._database.read() as connection:
        assert compare(connection) == ()
        assert version.report in {item.digest for item in held(connection)}
