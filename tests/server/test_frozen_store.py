"""A database that hangs, rather than dies, takes no call with it."""

import json
import os
import signal
import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import create_engine, text

from roadbed.testing.upstream import Upstream
from tests.control.stacks import OPERATOR, endpoint, resource
from tests.served_line import serving

BODY = {"model": "bot", "messages": [{"role": "user", "content": "hello there"}]}
MODEL = "owner: team\nhosted:\n  provider: up\n  upstream: gpt-4o-2024-08-06"


@contextmanager
def line_on(folder, database=""):
    with Upstream() as upstream:
        config = f"base_url: {upstream.url}\n  private: true"
        provider = resource("Provider", "up", f"type: openai\nconfig:\n  {config}")
        bot = resource("Model", "bot", MODEL)
        stack = (OPERATOR, provider, bot, endpoint())
        with serving(folder, *stack, database=database) as line:
            yield line


def slowest_of(line, calls=25):
    """Return the longest of so many calls, in seconds; each must be answered."""
    took = []
    for _ in range(calls):
        begun = time.monotonic()
        status, _, told = line.ask("POST", "/v1/chat/completions", line.key, BODY)
        took.append(time.monotonic() - begun)
        assert (status, told["choices"][0]["finish_reason"]) == (200, "stop")
    return max(took)


@contextmanager
def stopped(pids):
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def family(parent):
    """Return *parent* and its children."""
    found = [parent]
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = file.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(file.parent.name))
    return found


def test_calls_go_on_while_somebody_holds_the_lock_of_sqlite(tmp_path):
    """Pain 21: the store is frozen, not killed; a call asks nothing of it."""
    with line_on(tmp_path) as line:
        slowest_of(line, 3)
        (file,) = (tmp_path / ".roadbed").rglob("control.db")
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            frozen = slowest_of(line)
        finally:
            holder.execute("ROLLBACK")
            holder.close()

    assert frozen < 4.0


def test_calls_go_on_while_postgres_does_not_answer(tmp_path, postgres_url):
    """Pain 21: every process of the database stands still, and its sockets are open."""
    (folder,) = parse_qs(urlsplit(postgres_url).query)["host"]
    name = f"frozen{os.getpid()}"
    admin = create_engine(
        postgres_url.replace("postgresql:", "postgresql+psycopg:"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = postgres_url.replace("/postgres?", f"/{name}?")
    first = (Path(folder) / "data" / "postmaster.pid").read_text().splitlines()[0]
    with line_on(tmp_path, url) as line:
        slowest_of(line, 3)
        with stopped(family(int(first))):
            frozen = slowest_of(line)
        kept = json.dumps(line.ask("GET", "/api/v1/calls", line.key)[2])

    assert frozen < 4.0
    assert kept.count('"call_id"') == 28
