"""Sealed calls as Parquet, through DuckDB."""

import subprocess
import sys

import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.testing.history_contract import HistoryContract

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
