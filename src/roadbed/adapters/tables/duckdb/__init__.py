"""Tables as Parquet, written and read by DuckDB alone.

`DuckdbTables` works in this process. `TablesAside` compares and reads in a process of
its own, so that a server's memory stays its calls' (decision 020).
"""

from roadbed.adapters.tables.duckdb.aside import TablesAside
from roadbed.adapters.tables.duckdb.engine import DuckdbTables

__all__ = ["DuckdbTables", "TablesAside"]
