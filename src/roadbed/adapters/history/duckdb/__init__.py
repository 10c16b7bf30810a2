"""Sealed calls as Parquet files, written and read by DuckDB.

`DuckDBHistory` works in this process. `HistoryAside` puts the same questions to a
process of its own, so that a server's memory stays its calls' (decision 020).
"""

from roadbed.adapters.history.duckdb.aside import HistoryAside
from roadbed.adapters.history.duckdb.engine import DuckDBHistory

__all__ = ["DuckDBHistory", "HistoryAside"]
