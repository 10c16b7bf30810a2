"""The other side of a custom grader: a process that is nobody's, and has nothing.

It is run by its path with `-I`, so it imports nothing of Roadbed. It limits itself,
says over the pipe what it could enforce, loads the team's code once, and forks for
each answer: what one answer leaves behind, or breaks, the next one never sees.

Messages are JSON behind 8 bytes of length.
"""

import ctypes
import json
import math
import os
import resource
import runpy
import select
import signal
import sys
import time
from contextlib import suppress
from typing import IO, Any

LENGTH = 8
MOST = 64 * 1024
NEW_USER, NEW_NET = 0x10000000, 0x40000000
FILE_BYTES = 8 * 1024 * 1024
FILES = 64


def main() -> None:
    """Serve until the input ends."""
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    setup = receive(questions)
    enforced = confine(setup)
    grade, error = load(setup["seconds"])
    send(answers, {"enforced": enforced, "error": error})
    while grade is not None:
        send(answers, fork(grade, receive(questions), setup["seconds"]))


def confine(setup: dict[str, Any]) -> list[str]:
    """Give up what is not needed; return the names of what is enforced."""
    enforced = ["time", "environment"]
    if _alone():
        enforced.append("network")
    limits = {
        "memory": (resource.RLIMIT_AS, setup["memory_mb"] * 1024 * 1024),
        "files": (resource.RLIMIT_FSIZE, FILE_BYTES),
        "handles": (resource.RLIMIT_NOFILE, FILES),
        "core": (resource.RLIMIT_CORE, 0),
    }
    for name, (which, most) in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))
            enforced.append(name)
    return enforced


def _alone() -> bool:
    """Leave the network for an empty one; say whether this system allows it."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.unshare(NEW_USER | NEW_NET) == 0
    except (OSError, AttributeError):
        return False


def load(seconds: float) -> tuple[Any, str]:
    """Return the team's function, or what is wrong with its file."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        found = runpy.run_path("grader.py", run_name="grader").get("grade")
    # Whatever the team's code raises, it is told of.
    except BaseException as error:  # noqa: BLE001
        return None, f"it does not load: {_said(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return (found, "") if callable(found) else (None, "it has no function `grade`")


def fork(grade: Any, question: Any, seconds: float) -> dict[str, Any]:
    """Return what *grade* says of one answer, in a process that then ends."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        os.setsid()
        _child(grade, question, into, seconds)
    os.close(into)
    try:
        data, late = _collect(out, time.monotonic() + seconds)
    finally:
        os.close(out)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if late:
        return {"error": f"it did not answer within {seconds:g} s"}
    return _read(data, status)


def _child(grade: Any, question: Any, into: int, seconds: float) -> None:
    most = math.ceil(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    try:
        told = {"said": grade(question["case"], question["answer"])}
        data = json.dumps(told).encode() + b"\n"
    # Whatever the team's code raises, it is told of.
    except BaseException as error:  # noqa: BLE001
        data = json.dumps({"error": _said(error)}).encode() + b"\n"
    with suppress(OSError):
        while data:
            data = data[os.write(into, data) :]
    os._exit(0)


def _collect(out: int, until: float) -> tuple[bytes, bool]:
    """Return the line that was written, and whether its time was up."""
    data = b""
    while len(data) <= MOST and not data.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([out], [], [], left)[0]:
            return data, True
        piece = os.read(out, MOST)
        if not piece:
            break
        data += piece
    return data, False


def _read(data: bytes, status: int) -> dict[str, Any]:
    if len(data) > MOST:
        return {"error": "it says more than 64 kB"}
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        why = f"signal {killed}" if killed else f"exit {os.WEXITSTATUS(status)}"
        return {"error": f"it ended without an answer: {why}"}


def _said(error: BaseException) -> str:
    with suppress(Exception):
        return f"{type(error).__name__}: {error}"[:300]
    return "an error without words"


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message."""
    data = json.dumps(message).encode()
    pipe.write(len(data).to_bytes(LENGTH, "big") + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message; end the process if there is none."""
    head = pipe.read(LENGTH)
    data = pipe.read(int.from_bytes(head, "big"))
    if len(head) < LENGTH:
        os._exit(0)
    return json.loads(data)


if __name__ == "__main__":
    main()
