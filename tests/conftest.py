"""What tests share: real databases, on both engines."""

import os
import shutil
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from roadbed.database.engine import Database, open_database
from roadbed.database.tables import metadata

# Machines are noisy: a rule is about values, never about how long one example took.
settings.register_profile("house", deadline=None, print_blob=True, max_examples=50)
# A change is judged by what it changed: what chance finds, it finds at a desk.
settings.register_profile("ci", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")
if os.environ.get("CI"):
    # It would also draw what our modules spell out, of those that happen to be loaded.
    assert callable(providers._get_local_constants)
    providers._get_local_constants = lambda: providers._local_constants


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Keep a failed test's report sendable: half a character in it ends a worker."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def import_tables():
    """Import the tables of every room, so that the metadata knows them."""
    for file in Path("src/roadbed").rglob("*tables.py"):
        import_module(".".join(file.with_suffix("").parts[1:]))


@pytest.fixture(scope="session")
def postgres_url():
    """A real PostgreSQL server of this test session's own, on a Unix socket."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed; SQLite runs the same tests")
    folder = Path(tempfile.mkdtemp(prefix="rbpg"))
    folder.chmod(0o777)
    run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    prefix = run if os.geteuid() == 0 else []
    data, tools = folder / "data", BINARIES[-1]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [*prefix, tools / "initdb", "-D", data, "-U", "roadbed", "-A", "trust"], **quiet
    )
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    control = [*prefix, tools / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "start"], **quiet)
    yield f"postgresql://roadbed@/postgres?host={folder}"
    subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """A SQLite file with the whole schema and no rows, to be copied."""
    import_tables()
    file = tmp_path_factory.mktemp("schema") / "control.db"
    opened = open_database(f"sqlite:///{file}")
    with opened.write() as connection:
        metadata.create_all(connection)
    opened.close()
    return file


def _empty_server(url):
    """Open the PostgreSQL database at *url*, with the whole schema and no rows."""
    import_tables()
    opened = open_database(url)
    with opened.write() as connection:
        there = set(sa.inspect(connection).get_table_names())
        if there >= set(metadata.tables):
            names = ", ".join(metadata.tables)
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY"))
        else:
            metadata.drop_all(connection)
            metadata.create_all(connection)
    return opened


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """An empty database with the whole schema, once per engine."""
    if request.param == "sqlite":
        request.getfixturevalue("sqlite_file")
        opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    else:
        opened = _empty_server(request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()


@pytest.fixture
def sqlite_file(empty_file, tmp_path):
    """A copy of the empty SQLite file, of this test alone."""
    return shutil.copy(empty_file, tmp_path / "control.db")


@pytest.fixture
def sqlite_database(sqlite_file) -> Database:
    """An empty SQLite database with the whole schema, where one engine is enough."""
    opened = open_database(f"sqlite:///{sqlite_file}")
    yield opened
    opened.close()
