"""What tests share: real databases, on both engines."""

import os
import shutil
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from roadbed.database.engine import Database, open_database
from roadbed.database.tables import metadata

# Machines are noisy: a rule is about values, never about how long one example took.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


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
    for file in Path("src/roadbed").rglob("tables.py"):
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


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """An empty database with the whole schema, once per engine."""
    import_tables()
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    else:
        opened = open_database(request.getfixturevalue("postgres_url"))
        metadata.drop_all(opened.engine)
    with opened.write() as connection:
        metadata.create_all(connection)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(tmp_path) -> Database:
    """An empty SQLite database with the whole schema, where one engine is enough."""
    import_tables()
    opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    with opened.write() as connection:
        metadata.create_all(connection)
    yield opened
    opened.close()
