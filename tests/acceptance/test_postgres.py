"""The same line on PostgreSQL: another setting, no other change."""

import sqlalchemy as sa

from roadbed.database.engine import open_database
from tests.acceptance.line import Line


def test_the_whole_line_runs_on_postgresql(tmp_path, postgres_url):
    server = open_database(postgres_url)
    with server.engine.execution_options(
        isolation_level="AUTOCOMMIT"
    ).connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS line"))
        connection.execute(sa.text("CREATE DATABASE line"))
    server.close()
    url = postgres_url.replace("/postgres?", "/line?")
    line = Line(tmp_path / "line", database=url).begin_stack().up()
    status, call, _ = line.ask(line.key("demo-app"))
    verified = line.run("audit", "verify", "--call", call)
    chain = line.run("why", call)
    code = line.stop()

    assert (status, code) == (200, 0)
    assert "audit: verified" in verified
    assert "handbook@1" in chain
    assert "postgresql" in line.run("doctor")
    assert not list((line.folder / ".roadbed").glob("control.db*"))
