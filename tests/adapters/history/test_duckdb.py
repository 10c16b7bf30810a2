"""Sealed calls as Parquet, through DuckDB."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory, HistoryAside
from roadbed.core.errors import Invalid
from roadbed.gateway.history import CallQuery
from roadbed.testing.history_contract import HistoryContract, a_record, call_id, write

ENGINE = DuckDBHistory()


class TestDuckDB(HistoryContract):
    @pytest.fixture
    def history(self):
        return ENGINE


class TestAside(HistoryContract):
    """The same answers from a process of its own."""

    @pytest.fixture
    def history(self, aside):
        return aside


@pytest.fixture(scope="module")
def aside():
    history = HistoryAside()
    yield history
    history.close()


def test_the_server_s_process_never_loads_duckdb(tmp_path):
    """Neither to write nor to read; the helper is gone when it is closed."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from roadbed.adapters.history.duckdb import HistoryAside\n"
        "from roadbed.inference.record import CallRecord\n"
        "history, file = HistoryAside(), Path(sys.argv[1])\n"
        "assert history.write('calls', [], file) == 0\n"
        "assert history.records(file) == []\n"
        "print(history.helper.pid)\n"
        "history.close()\n"
        "assert 'duckdb' not in sys.modules\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.parquet"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert not Path(f"/proc/{run.stdout.strip()}").exists()


def test_a_helper_that_was_killed_is_replaced(tmp_path, aside):
    file = tmp_path / "a.parquet"
    write(aside, "calls", [a_record(1)], file)
    first = aside.helper.pid
    os.kill(first, signal.SIGKILL)

    assert aside.records(file) == [a_record(1)]
    assert aside.helper.pid != first
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_what_a_killed_attempt_left_is_swept_by_the_next(tmp_path, aside):
    target, mark = tmp_path / "[a].parquet.tmp", "0123456789abcdef"
    for end in ("ndjson", "parquet"):
        (tmp_path / f"{target.name}.{mark}.{end}").write_text("half")
    mine = tmp_path / f"{target.name}.mine"
    mine.write_text("kept")
    write(aside, "calls", [a_record(1)], target)

    assert set(tmp_path.iterdir()) == {target, mine}


def test_an_error_keeps_its_kind_and_its_words(tmp_path, aside):
    file = tmp_path / "a.parquet"
    write(aside, "calls", [a_record(1)], file)
    told = []
    for history in (ENGINE, aside):
        with pytest.raises(Invalid) as caught:
            history.search([file], CallQuery(before="no cursor"))
        told.append((caught.value.message, caught.value.hint))

    assert told[0] == told[1]
    assert aside.find(file, call_id(1, a_record(1).ts)) == a_record(1)


def test_duckdb_is_loaded_when_it_is_used():
    code = (
        "import sys\n"
        "from roadbed.adapters.history.duckdb import DuckDBHistory\n"
        "DuckDBHistory()\n"
        "assert not [m for m in sys.modules if 'duckdb' in m.split('.')[0]]\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False)

    assert run.returncode == 0


def test_a_file_from_before_a_column_is_read_without_it(tmp_path):
    """Files are never rewritten, and records get new fields."""
    old = tmp_path / "old.parquet"
    write(ENGINE, "calls", [a_record(1)], tmp_path / "new.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE (stages, labels, cost_nano, chain, run) FROM "
            f"'{tmp_path / 'new.parquet'}') TO '{old}' (FORMAT parquet)"
        )

    assert ENGINE.records(old) == [a_record(1)]
    assert ENGINE.search([old], CallQuery(tenant="default")) == [a_record(1)]
