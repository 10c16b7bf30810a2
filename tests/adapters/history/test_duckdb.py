"""Sealed calls as Parquet, through DuckDB."""

import subprocess
import sys

import duckdb
import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.gateway.history import CallQuery
from roadbed.testing.history_contract import HistoryContract, a_record, write

ENGINE = DuckDBHistory()


class TestDuckDB(HistoryContract):
    @pytest.fixture
    def history(self):
        return ENGINE


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
