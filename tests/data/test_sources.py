"""Data comes from files, frames, streams and databases; what is no table is refused."""

import datetime as dt
import sqlite3
from decimal import Decimal

import duckdb
import pytest
import sqlalchemy as sa

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.control.custody import compare
from roadbed.core.digest import digest
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.core.secret import Secret
from roadbed.data import lineage, origins
from roadbed.data.datasets import Datasets
from roadbed.data.sources import Query, Wish
from roadbed.data.tables import dataset_versions
from tests.data.conftest import StoppedClock


@pytest.fixture
def made(sqlite_database, blobs):
    return Datasets(sqlite_database, blobs, StoppedClock(), DuckdbTables(40))


@pytest.fixture
def shop(tmp_path):
    file = tmp_path / "the shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE orders (id INT, amount, note TEXT)")
        rows = [(n, n * 1.5 if n else 3, None if n % 2 else f"{n}%") for n in range(90)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    return f"sqlite:///{file}"


def ask(made, url, sql):
    query = Query(sql=sql, database="secret://env/SHOP", url=Secret(url))
    return made.snapshot("orders", query, "me")


def test_a_query_of_sqlite_is_a_version_that_says_what_was_asked(made, shop):
    sql = "SELECT * FROM orders WHERE id IS NOT NULL OR note LIKE '0%' ORDER BY id"
    version = ask(made, shop, sql)
    columns = made.columns(version)

    assert columns["amount"][:3] == [3.0, 1.5, 3.0]
    assert columns["note"][:2] == ["0%", None]
    assert [c.datatype for c in version.schema] == ["BIGINT", "DOUBLE", "VARCHAR"]
    assert version.source == {
        "kind": "query",
        "database": "secret://env/SHOP",
        "sql": sql,
        "digest": digest(sql.encode()),
    }


def test_a_query_of_postgresql_keeps_its_types(made, postgres_url):
    sql = (
        "SELECT n::bigint AS n, (n / 4.0)::numeric(9,2) AS price, n % 2 = 0 AS even, "
        "timestamptz '2026-01-01 00:00:00+01' AS at, date '2026-01-02' AS day, "
        "'\\x00ff'::bytea AS raw, CASE WHEN n > 3 THEN 'p%' END AS late, "
        "gen_random_uuid() AS id FROM generate_series(1, 25000) n"
    )
    version = ask(made, postgres_url, sql)
    columns = made.columns(version)

    assert version.rows == 25_000
    assert columns["price"][:2] == [Decimal("0.25"), Decimal("0.50")]
    assert columns["late"][2:4] == [None, "p%"]
    assert columns["at"][0] == dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)
    assert (columns["day"][0], columns["raw"][0]) == (dt.date(2026, 1, 2), b"\x00\xff")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "ATTACH 'x.db' AS x",
        "WITH a AS (SELECT 1) DELETE FROM orders",
        "SELECT 1; DELETE FROM orders",
        "SELECT nope FROM orders",
        "SELECT 1 AS a, 2 AS a",
        "SELECT 1 AS a UNION ALL SELECT 'x'",
        "",
    ],
)
def test_a_query_reads_and_does_nothing_else(made, shop, sql):
    with pytest.raises(Invalid):
        ask(made, shop, sql)

    assert made.list("orders") == []
    with sqlite3.connect(shop.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (90,)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (DELETE FROM kept RETURNING 1) SELECT * FROM a",
        "SELECT 1; COMMIT; DELETE FROM kept",
        "SELECT nextval('kept_seq')",
        "SELECT 1.0000000001::numeric AS x",
    ],
)
def test_a_query_of_postgresql_only_reads_too(made, postgres_url, sql):
    engine = sa.create_engine(postgres_url.replace("://", "+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS kept")
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT 1 AS a")
        connection.exec_driver_sql("CREATE SEQUENCE IF NOT EXISTS kept_seq")
    with pytest.raises(Invalid):
        ask(made, postgres_url, sql)

    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT a FROM kept").all() == [(1,)]
        connection.exec_driver_sql("DROP TABLE kept; DROP SEQUENCE kept_seq")
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite:///nowhere.db",
        "sqlite://",
        "mysql://root:hunter2@127.0.0.1/x",
        "postgresql://root:hunter2@127.0.0.1:9/x",
    ],
)
def test_a_database_that_is_none_is_refused_without_its_password(made, url):
    with pytest.raises(Invalid) as caught:
        ask(made, url, "SELECT 1 AS a")

    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_json_lines_become_columns(made, tmp_path):
    file = tmp_path / "a[1].jsonl"
    file.write_text('{"n": 1, "t": "x", "u": null}\n{"n": 2.5, "v": {"w": 1}}\n\n')
    version = made.snapshot("lines", file, "me")

    assert made.columns(version)["n"] == [1.0, 2.5]
    assert {c.name: c.datatype for c in version.schema} == {
        "n": "DOUBLE",
        "t": "VARCHAR",
        "u": "VARCHAR",
        "v": "STRUCT(w BIGINT)",
    }
    assert version.source["digest"] == digest(file.read_bytes())
    assert version.source["name"] == "a[1].jsonl"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1\n2\n",
        '{"a": 1}\nnot json\n',
        '{"a": 1}\n{"a": "x"}\n',
        '{"a": 1, "a": 2}\n',
        '{"a": 1, "A": 2}\n',
        '{"a": 1}\n[1]\n',
        '{"a": 9223372036854775808}\n',
        '{"a": "\\ud800"}\n',
        "{}\n",
    ],
)
def test_lines_that_are_no_table_are_refused(made, tmp_path, text):
    file = tmp_path / "a.jsonl"
    file.write_text(text)

    with pytest.raises(Invalid) as caught:
        made.snapshot("lines", file, "me")
    assert str(tmp_path) not in caught.value.message
    assert made.list("lines") == []


class Arrow:
    """Rows as any library hands them over by Arrow's C stream."""

    def __init__(self, sql, names="b"):
        self.relation = duckdb.connect().sql(sql)
        self.column_names = ["a", names]

    def __arrow_c_stream__(self, requested_schema=None):
        return self.relation.__arrow_c_stream__(requested_schema)


def test_arrow_is_read_by_its_stream(made):
    version = made.snapshot("arrow", Arrow("SELECT 1::INT AS a, 'x' AS b"), "me")

    assert made.columns(version) == {"a": [1], "b": ["x"]}
    with pytest.raises(Invalid, match="are called 'a' and 'A'"):
        made.snapshot("arrow", Arrow('SELECT 1 AS a, 2 AS "A"', "A"), "me")


def test_where_a_version_came_from_is_on_record_and_its_digest_is_not_changed(made):
    first = made.snapshot("raw", {"a": [1, 2]}, "me")
    run = Wish(parents=("raw@1",), run_id="0199", key=("a",))
    second = made.snapshot("clean", {"a": [1]}, "me", run)
    plain = made.snapshot("other", {"a": [1]}, "me")

    assert second.digest == plain.digest
    assert (second.parents, second.run_id, second.key) == (("raw@1",), "0199", ("a",))
    assert made.get(VersionRef("clean", 1)) == second
    with made._database.read() as connection:
        found = lineage.sources(connection, "dataset:clean@1")
    assert [(e.kind, e.dst) for e in found] == [
        (lineage.DERIVED_FROM, f"dataset:{first}"),
        (lineage.MADE_BY, "run:0199"),
    ]
    with pytest.raises(NotFound):
        made.snapshot("clean", {"a": [2]}, "me", Wish(parents=("raw@9",)))


def test_an_origin_that_is_edited_is_found(made):
    made.snapshot("raw", {"a": [1]}, "me", Wish(run_id="0199"))
    with made._database.write() as connection:
        connection.execute(dataset_versions.update().values(run_id="0200"))
        (finding,) = compare(connection)

    assert finding.startswith("raw@1: its origin differs from audit entry")


def test_a_key_names_columns(made):
    with pytest.raises(Invalid, match="no column 'b', which the key names"):
        made.snapshot("raw", {"a": [1]}, "me", Wish(key=("b",)))


def test_each_file_that_a_version_was_made_of_is_known_by_its_bytes(
    made, tmp_path, sqlite_database
):
    versions = []
    for name, text in (
        ("a.csv", "x\n1\n"),
        ("b.csv", "x\r\n1\r\n"),
        ("c.csv", "x\n2\n"),
    ):
        (tmp_path / name).write_text(text)
        versions.append(made.snapshot("p", tmp_path / name, "me"))
    with sqlite_database.read() as connection:
        found = [
            origins.of_files(connection, [digest((tmp_path / name).read_bytes())])
            for name in ("a.csv", "b.csv", "c.csv")
        ]

    assert found == [{VersionRef(v.name, v.number): v.digest} for v in versions]
    assert [str(v) for v in versions] == ["p@1", "p@1", "p@2"]
