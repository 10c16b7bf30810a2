"""A process to be killed: it records calls as fast as it can.

`python -m tests.durability.worker STATE` reads commands from its input: `fork
NAME` starts a worker that appends the id of every acknowledged call to
STATE/NAME.acks, and answers with its process id; `aside NAME` starts one that seals
in a helper process, as a server does; `reap` waits for the dead.
The workers are forks, so that each costs milliseconds and not a start.
"""

import asyncio
import os
import sys
import time
from itertools import count
from pathlib import Path

import duckdb
import msgspec

from roadbed.adapters.history.duckdb import DuckDBHistory, HistoryAside
from roadbed.core.clock import SystemClock
from roadbed.core.ids import Uuid7
from roadbed.database.engine import open_database
from roadbed.gateway.history import History
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.recorder import Limits, Recorder, process_name
from roadbed.gateway.seal import Sealer
from roadbed.testing.history_contract import a_call

assert duckdb.__version__


def sealer_of(state: Path, history: History | None = None) -> Sealer:
    database = open_database(f"sqlite:///{state / 'control.db'}")
    history = history or DuckDBHistory()
    return Sealer(database, history, state / "history", SystemClock())


def open_recorder(state: Path, history: History | None = None, **limits) -> Recorder:
    sealer = sealer_of(state, history)
    keeper = Keeper(state, sealer, process_name("host"), adopt_every_s=0.1)
    return Recorder(keeper, Limits(**limits))


def new_call(number: int, ids: Uuid7, **fields):
    record, payload = a_call(number, ts=time.time_ns() // 1000, **fields)
    call_id = f"local-{ids()}"
    return (
        msgspec.structs.replace(record, call_id=call_id),
        msgspec.structs.replace(payload, call_id=call_id),
    )


async def record_for_ever(recorder: Recorder, acks: int) -> None:
    ids, numbers = Uuid7(), count()

    async def one() -> None:
        for number in numbers:
            call = new_call(number, ids)
            await recorder.put(*call)
            os.write(acks, f"{call[0].call_id}\n".encode())

    await asyncio.gather(*(one() for _ in range(8)))


def work(state: Path, name: str, history: History | None) -> None:
    acks = os.open(state / f"{name}.acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    recorder = open_recorder(state, history, seal_bytes=40_000, seal_seconds=0.2)
    recorder.start()
    asyncio.run(record_for_ever(recorder, acks))


def answer(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(state: Path) -> None:
    for line in sys.stdin:
        if line.startswith("reap"):
            os.waitpid(-1, 0)
            answer("reaped")
            continue
        child = os.fork()
        if child == 0:
            how, name = line.split()
            work(state, name, HistoryAside() if how == "aside" else None)
        answer(child)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
