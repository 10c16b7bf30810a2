"""Two processes that find the same dead spools seal each of them once."""

import subprocess
import sys
from collections import Counter

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.core.clock import SystemClock
from roadbed.gateway.calls import CallLog
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.testing.history_contract import a_call

ADOPT = (
    "import sys\n"
    "from pathlib import Path\n"
    "from roadbed.gateway.adopt import Adopter\n"
    "from tests.durability.worker import sealer_of\n"
    "state, raised = Path(sys.argv[1]), []\n"
    "adopter = Adopter(state / 'spool', state / 'q', sealer_of(state), raised.append)\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "print(adopter.adopt().sealed, raised, flush=True)\n"
)


def test_two_processes_seal_a_dead_spool_once(tmp_path, sqlite_database):
    (tmp_path / "spool").mkdir()
    for n in range(30):
        spool = Spool(tmp_path / "spool" / name_of(f"host-{n % 6}", n))
        spool.append([encode(*a_call(n)), encode(*a_call(100 + n))])
        spool.close()
    command = [sys.executable, "-c", ADOPT, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in both:
        process.stdout.readline()
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in both]
    history = DuckDBHistory()
    sealer = Sealer(sqlite_database, history, tmp_path / "history", SystemClock())
    log = CallLog(tmp_path / "spool", sqlite_database, history, sealer.root)
    spools = Counter(segment.spool for segment in log.segments())

    assert sum(int(words[0]) for words in said) == 30
    assert [words[1] for words in said] == ["[]", "[]"]
    assert (len(spools), set(spools.values())) == (30, {1})
    assert not [f for s in log.segments() for f in log.verify_segment(s.id)]
    assert not list((tmp_path / "spool").iterdir())
