"""A process of our own that does what needs much memory, and gives it back.

`Helper` is the parent's side: it starts `python -m MODULE` with the first question,
again when it died, and puts each question to it over a pipe. `serve` is the other
side. A helper ends when it was idle for a while and when its parent is gone, in the
middle of a question too; it ignores SIGINT and SIGTERM, which are its parent's to act
upon.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, NoReturn

from roadbed.core.errors import NotReady

IDLE_S = 15.0
_LENGTH = 8
_TRIES = 2


class Helper:
    """A helper process, seen by its parent. Safe to share between threads.

    One question at a time; one that the helper died of is asked once more, so it must
    be one that may be asked twice.
    """

    def __init__(self, module: str) -> None:
        self._words = (sys.executable, "-P", "-m", module)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    def ask(self, question: bytes) -> bytes:
        """Return the helper's answer; NotReady if it dies of the question."""
        with self._lock:
            for _ in range(_TRIES):
                try:
                    return self._exchange(question)
                except (EOFError, BrokenPipeError):
                    self._end()
                except BaseException:  # half an answer may still be in the pipe
                    self._end()
                    raise
        raise NotReady(
            "a helper process ended before it answered",
            hint="the machine may be short of memory; it will be started again",
        )

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._end()

    def _exchange(self, question: bytes) -> bytes:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        _send(process.stdin, question)
        return _receive(process.stdout)

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            # A group of its own: Ctrl-C in a terminal is meant for the parent.
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            reason = error.strerror or "unknown"
            raise NotReady(f"no helper process could be started: {reason}") from None
        return self._process

    def _end(self) -> None:
        """Wait until the process is gone, so that it writes to no file any more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def serve(answer: Callable[[bytes], bytes], idle_s: float = IDLE_S) -> NoReturn:
    """Be a helper: answer questions until there is none for a while, or no parent."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(
            sys.stderr.fileno(), sys.stdout.fileno()
        )  # What is printed is no answer.
        with suppress(queue.Empty, BrokenPipeError):
            while True:
                _send(answers, answer(questions.get(timeout=idle_s)))
    os._exit(0)  # The thread that listens holds the lock of the input for ever.


def _listen(questions: "queue.SimpleQueue[bytes]") -> None:
    with suppress(EOFError):
        while True:
            questions.put(_receive(sys.stdin.buffer))
    os._exit(0)  # The parent is gone, and nobody waits for what is being done.


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(_LENGTH, "big"))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    size = int.from_bytes(_exactly(pipe, _LENGTH), "big")
    return _exactly(pipe, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
