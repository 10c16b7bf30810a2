"""A process beside ours: it answers, is replaced, and does not outlive its use."""

import os
import signal
import subprocess
import sys

import pytest

from roadbed.core.errors import NotReady
from roadbed.core.helper import Helper

HISTORY = "roadbed.adapters.history.duckdb"
PATIENCE_S = 60


class Parent:
    """Starts a helper that answers by *answer*, and speaks to it by hand."""

    def __init__(self, answer="bytes.upper", idle_s=PATIENCE_S):
        code = (
            "import time\n"
            "from roadbed.core.helper import serve\n"
            "def loud(question):\n"
            "    print('noise', flush=True)\n"
            "    return question\n"
            f"serve({answer}, {idle_s})\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def tell(self, question):
        self.process.stdin.write(len(question).to_bytes(8, "big") + question)
        self.process.stdin.flush()

    def ask(self, question):
        self.tell(question)
        size = int.from_bytes(self.process.stdout.read(8), "big")
        return self.process.stdout.read(size)

    def ended(self):
        return self.process.wait(PATIENCE_S)


def test_it_answers_again_and_again_and_what_it_prints_is_no_answer():
    """Signals that are meant for its parent do not end it."""
    parent = Parent("loud")
    first = parent.ask(b"one")
    for number in (signal.SIGTERM, signal.SIGINT):
        parent.process.send_signal(number)
    rest = [parent.ask(word) for word in (b"", b"x" * 1_000_000)]
    parent.process.stdin.close()

    assert [first, *rest] == [b"one", b"", b"x" * 1_000_000]
    assert parent.ended() == 0


def test_it_ends_when_it_is_idle():
    parent = Parent(idle_s=0.05)

    assert parent.ended() == 0


def test_it_ends_with_its_parent_in_the_middle_of_a_question():
    parent = Parent(f"lambda question: time.sleep({10 * PATIENCE_S})")
    parent.tell(b"what takes for ever")
    parent.process.stdin.close()

    assert parent.ended() == 0


def test_one_that_cannot_begin_is_not_ready(capfd):
    """After it was tried twice; the parent goes on."""
    helper = Helper("roadbed.there_is_no_such_module")
    with pytest.raises(NotReady):
        helper.ask(b"?")

    assert capfd.readouterr().err.count("there_is_no_such_module") == 2
    assert helper.pid is None


def test_one_that_died_is_replaced_and_one_that_was_closed_is_gone():
    helper = Helper(HISTORY)
    nonsense = helper.ask(b"nonsense")
    first = helper.pid
    os.kill(first, signal.SIGKILL)
    again = helper.ask(b"nonsense")
    second = helper.pid
    helper.close()

    assert nonsense == again
    assert first != second
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
