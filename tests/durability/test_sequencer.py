"""Kill -9 at random moments: the log has each entry once, and no change without one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.kept import KeptTiles
from roadbed.audit.merkle import root
from roadbed.audit.rows import frontier_of
from roadbed.audit.sequencer import lead, move, sequence
from roadbed.audit.tiles import subtree
from roadbed.core.errors import Conflict
from roadbed.database.tables import current
from tests.audit.conftest import change

KILLS = 12


class Killer:
    """Starts processes that write and move, and kills them."""

    def __init__(self, database):
        url = database.engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.durability.sequencing", url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def start(self, line):
        return int(self.say(line))

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.say("reap")


def rampage(database, seed):
    """Keep writers and movers going, and kill one after the other."""
    chance, killer = random.Random(seed), Killer(database)
    alive = {killer.start(f"write w{seed}"): "write"}
    alive |= {killer.start("move"): "move" for _ in range(2)}
    for number in range(KILLS):
        time.sleep(chance.random() * 0.3 + 0.02)
        victim = chance.choice(sorted(alive))
        command = alive.pop(victim)
        killer.kill(victim)
        name = f" w{seed}-{number}" if command == "write" else ""
        alive[killer.start(command + name)] = command
    for pid in alive:
        killer.kill(pid)
    killer.process.communicate()


@pytest.mark.parametrize("seed", [1, 2])
def test_no_kill_loses_or_doubles_an_entry(database, seed):
    rampage(database, seed)
    sequence(database)
    with database.read() as connection:
        log = tables.entries.c
        query = sa.select(log.seq, log.actor, log.resource, log.leaf)
        rows = connection.execute(query.order_by(log.seq)).all()
        things = current(connection, "things")
        tree = connection.execute(sa.select(tables.tree)).one()
        tiles = KeptTiles(connection)
        kept = subtree(tiles.read, 0, len(rows))
    written = Counter((row.actor, row.resource) for row in rows)
    leaves = [bytes.fromhex(row.leaf) for row in rows]

    assert [row.seq for row in rows] == list(range(1, things + 1))
    assert len(rows) > KILLS
    assert set(written.values()) == {1}
    assert frontier_of(tree.size, tree.nodes).root() == root(leaves) == kept


def test_two_sequencers_can_never_both_succeed(database):
    """The second one's place in the log is taken, whatever it believes."""
    with database.write() as connection:
        frontier = lead(connection)
        connection.execute(tables.outbox.insert(), [_waiting(1), _waiting(2)])
        assert move(connection, frontier) == 2
    with pytest.raises((Conflict, sa.exc.IntegrityError)):
        _move_from(database, frontier)
    sequence(database)
    with database.read() as connection:
        seqs = connection.execute(sa.select(tables.entries.c.seq)).scalars().all()

    assert sorted(seqs) == [1, 2]


def test_a_tree_that_moved_on_refuses_its_old_sequencer(database):
    with database.write() as connection:
        frontier = lead(connection)
        connection.execute(tables.tree.update().values(size=7, nodes=[]))
        connection.execute(tables.outbox.insert(), [_waiting(1)])
    with pytest.raises(Conflict, match="another sequencer"):
        _move_from(database, frontier)
    with database.read() as connection:
        waiting = connection.execute(sa.select(tables.outbox)).all()
        assert len(waiting) == 1
        assert connection.execute(sa.select(tables.entries)).first() is None


def _move_from(database, frontier):
    with database.write() as connection:
        connection.execute(tables.outbox.insert(), [_waiting(3)])
        move(connection, frontier)


def _waiting(number):
    entry = change(number)
    names = ("actor", "action", "resource", "outcome")
    said = {name: getattr(entry, name) for name in names}
    return said | {"at_us": 1, "detail": "{}"}
