import asyncio
import hashlib
import os
import socket
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from roadbed.core.errors import Invalid
from roadbed.evals.graders import custom
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, settings

GOOD = """
def grade(case, answer):
    right = case["expected"] == answer["text"]
    return {"value": right, "label": "yes" if right else "no", "detail": {"n": 1}}
"""


def grade(code, text="x", times=1, **config):
    made = custom.grader(custom.Config(code=code, **config))

    async def run():
        return [await made.grade(a_sample("x", text), Judges()) for _ in range(times)]

    try:
        told = asyncio.run(run())
    finally:
        made.close()
    return told[0] if times == 1 else told


def returning(expression):
    return f"def grade(case, answer):\n    return {expression}\n"


class TestCustom(GraderContract):
    module = custom
    config = settings(code=GOOD, binary=True)
    right = a_sample("x", "x")
    wrong = a_sample("x", "y")

    @pytest.fixture
    def made(self):
        made = custom.grader(custom.Config.model_validate(self.config))
        yield made
        made.close()


@pytest.mark.parametrize(
    "code",
    [
        "def grade(case, answer): return 1 / 0",
        "def grade(case, answer): import os; os._exit(0)",
        "def grade(case, answer): import os; os.kill(os.getpid(), 11)",
        "def grade(case, answer): import sys; sys.exit('1.0')",
        "def grade(case, answer): raise KeyboardInterrupt",
        "def grade(case, answer): print('{\"said\": 1}')",
        returning("'1'"),
        returning("float('nan')"),
        returning("1.5"),
        returning("{'score': 1}"),
        returning("[1]"),
        returning("'x' * 10**6"),
        returning("object()"),
        "grade = 1",
        "1 / 0",
        "this is no Python",
        "",
        "def grade(case): return 1",
        "def grade(case, answer):\n    return grade(case, answer)",
    ],
)
def test_a_crash_or_garbage_is_an_error_and_never_a_pass(code):
    if not code:
        code = "\n"
    told = grade(code)

    assert told.value is None
    assert told.error


def test_a_hang_ends_and_the_next_answer_is_graded():
    code = (
        "def grade(case, answer):\n"
        "    while answer['text'] == 'hang': pass\n"
        "    return 1\n"
    )
    made = custom.grader(custom.Config(code=code, seconds=0.5))

    async def run():
        texts = ("hang", "x")
        return [await made.grade(a_sample("x", t), Judges()) for t in texts]

    first, second = asyncio.run(run())
    made.close()

    assert "did not answer within 0.5 s" in first.error
    assert second.value == 1.0


def test_a_case_that_is_no_plain_json_is_an_error():
    made = custom.grader(custom.Config(code=returning("1")))
    deep = []
    for _ in range(5000):
        deep = [deep]
    first = asyncio.run(made.grade(a_sample(deep, "x"), Judges()))
    second = asyncio.run(made.grade(a_sample("x", "x"), Judges()))
    made.close()

    assert "no plain JSON" in first.error
    assert second.value == 1.0


def test_memory_is_limited():
    told = grade(returning("len(bytearray(10**9))"), memory_mb=256)

    assert "MemoryError" in told.error


def test_what_one_answer_leaves_behind_the_next_does_not_see():
    code = (
        "seen = []\n"
        "def grade(case, answer):\n"
        "    seen.append(1)\n"
        "    return len(seen) / 10\n"
    )

    assert [told.value for told in grade(code, times=3)] == [0.1, 0.1, 0.1]


def test_it_has_no_environment_and_none_of_our_folders(monkeypatch):
    monkeypatch.setenv("ROADBED_SECRET_CANARY", "x")
    code = (
        "import os, sys\n"
        "def grade(case, answer):\n"
        "    return {'value': 1, 'explanation': ' '.join(\n"
        "        [*os.environ, os.getcwd(), str(sys.flags.isolated)])}\n"
    )
    told = grade(code)

    assert "ROADBED" not in told.explanation
    assert str(Path.cwd()) not in told.explanation
    assert told.explanation.endswith(" 1")


def test_there_is_no_network_where_the_system_can_take_it_away():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            "import socket\n"
            "def grade(case, answer):\n"
            f"    socket.create_connection(('127.0.0.1', {port}), 2).close()\n"
            "    return 1\n"
        )
        told = grade(code)
        needed = grade(code, need=["network"])

    fenced = "network" in grade(returning("1")).detail["enforced"]
    assert (told.value is None) == fenced
    assert needed.value is None
    assert fenced or "does not enforce network" in needed.error


def test_what_is_needed_and_not_enforced_is_an_error():
    assert "does not enforce gravity" in grade(returning("1"), need=["gravity"]).error


def test_a_process_that_it_starts_ends_with_it(tmp_path):
    note = tmp_path / "pid"
    code = (
        "import os, time\n"
        "def grade(case, answer):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        f"        open({str(note) + '~'!r}, 'w').write(str(os.getpid()))\n"
        f"        os.rename({str(note) + '~'!r}, {str(note)!r})\n"
        "        time.sleep(60)\n"
        f"    while not os.path.exists({str(note)!r}):\n"
        "        time.sleep(0.01)\n"
        "    return 1\n"
    )
    assert grade(code).value == 1.0

    pid = int(note.read_text())
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split(")")[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(pid, 9)
        pytest.fail("it is still there")


def test_a_file_is_the_one_that_was_declared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("grader.py").write_text(GOOD)
    digest = "sha256:" + hashlib.sha256(GOOD.encode()).hexdigest()
    made = custom.grader(custom.Config(file="grader.py", digest=digest))
    told = asyncio.run(made.grade(a_sample("x", "x"), Judges()))
    made.close()
    Path("grader.py").write_text(GOOD + "# changed\n")

    assert (told.value, told.label, told.detail["n"]) == (1.0, "yes", 1)
    with pytest.raises(Invalid, match="not the one that was declared") as caught:
        custom.grader(custom.Config(file="grader.py", digest=digest))
    assert "write digest: sha256:" in caught.value.hint
    with pytest.raises(Invalid, match="cannot be read"):
        custom.grader(custom.Config(file="none.py", digest=digest))


@pytest.mark.parametrize(
    "fields", [{}, {"file": "x.py"}, {"code": "x", "file": "x.py", "digest": ""}]
)
def test_code_that_is_not_pinned_is_refused(fields):
    with pytest.raises(ValidationError):
        custom.Config(**fields)
