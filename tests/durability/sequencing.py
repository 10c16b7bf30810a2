"""Processes to be killed: they write entries and move them, as fast as they can.

`python -m tests.durability.sequencing URL` reads commands from its input: `write
NAME` and `move` start a worker and answer with its process id; `reap` waits for the
dead. The workers are forks, so that each costs milliseconds and not a start.
"""

import os
import sys
from itertools import count

import roadbed.audit.tables
from roadbed.audit.entry import Entry
from roadbed.audit.outbox import append
from roadbed.audit.sequencer import sequence
from roadbed.database.engine import Database, open_database
from roadbed.database.tables import bump

assert roadbed.audit.tables.outbox is not None


def write(database: Database, name: str) -> None:
    for number in count(1):
        write_one(database, name, number)


def write_one(database: Database, name: str, number: int) -> None:
    with database.write() as connection:
        bump(connection, "things")
        append(connection, 1, Entry(name, "change", f"Thing/{number}"))


def move(database: Database) -> None:
    while True:
        sequence(database)


def warm(database: Database) -> None:
    """Do everything once, so that a worker lives long enough to do it again."""
    write_one(database, "warm", 0)
    sequence(database)
    database.close()


def answer(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(url: str) -> None:
    database = open_database(url)
    warm(database)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "reap":
            os.waitpid(-1, 0)
            answer("reaped")
            continue
        child = os.fork()
        if child == 0:
            {"write": write, "move": move}[command](database, *words)
        answer(child)


if __name__ == "__main__":
    main(sys.argv[1])
