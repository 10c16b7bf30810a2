"""Runs a team's grading code in a process of its own, without anything of ours.

Enforced everywhere: an empty environment, a folder for the moment, isolated Python
(`-I`), limits of time, memory, and the size of files. On Linux with user namespaces
also: no network. Not enforced: files that the user of this process may read, the code
may read too. So it is a fence against accidents and against hostile answers, and none
against the team that wrote the code.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from roadbed.core.errors import NotReady

LENGTH = 8
MOST = 1024 * 1024
GRACE_S = 10.0


class Sandbox:
    """A process with the code loaded; started when it is needed, and again if it died.

    Safe to share between threads; one question at a time.
    """

    def __init__(self, code: str, seconds: float, memory_mb: int) -> None:
        self._setup = {"seconds": seconds, "memory_mb": memory_mb}
        self._code = code
        self._patience_s = seconds + GRACE_S
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.enforced: tuple[str, ...] = ()

    def ask(self, case: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """Return what the code says, `said` or `error`; NotReady if it is gone."""
        with self._lock:
            try:
                if self._process is None:
                    self._start()
                return self._exchange({"case": case, "answer": answer})
            except (TypeError, RecursionError):
                raise NotReady("the case or the answer is no plain JSON") from None
            except (OSError, EOFError, ValueError):
                self._end()
                raise NotReady("the sandbox ended before it answered") from None
            except BaseException:
                self._end()
                raise

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="roadbed-grader-", ignore_cleanup_errors=True
        )
        Path(self._folder.name, "grader.py").write_text(self._code, "utf-8")
        child = Path(__file__).with_name("_boxed.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(child)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,
            env={},
            start_new_session=True,
        )
        told = self._exchange(self._setup)
        self.enforced = tuple(told.get("enforced", ()))
        if told.get("error"):
            raise NotReady(str(told["error"]))

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(message).encode()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(len(data).to_bytes(LENGTH, "big") + data)
        process.stdin.flush()
        until = time.monotonic() + self._patience_s
        size = int.from_bytes(_exactly(process.stdout, LENGTH, until), "big")
        if size > MOST:
            raise ValueError
        told = json.loads(_exactly(process.stdout, size, until))
        return told if isinstance(told, dict) else {}

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close() if pipe else None
            process.wait()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def __del__(self) -> None:
        with suppress(AttributeError):
            self._end()


def _exactly(pipe: IO[bytes], size: int, until: float) -> bytes:
    """Return *size* bytes of *pipe*; raise EOFError if they do not come in time."""
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(data) < size:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise EOFError
            piece = os.read(pipe.fileno(), size - len(data))
            if not piece:
                raise EOFError
            data += piece
    return data
