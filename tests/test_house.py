"""House rules that a reviewer would otherwise have to remember."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import roadbed

SOURCE = sorted(Path("src/roadbed").rglob("*.py"))
TESTS = sorted(Path("tests").rglob("test_*.py"))


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", SOURCE, ids=str)
def test_modules_fit_in_one_sitting(path):
    """No module is longer than 500 lines."""
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("path", SOURCE, ids=str)
def test_functions_fit_on_one_screen(path):
    """No function is longer than 40 lines."""
    for node in functions(path):
        assert node.end_lineno - node.lineno < 40, node.name


@pytest.mark.parametrize("path", SOURCE, ids=str)
def test_nothing_is_global(path):
    """No function rebinds a module's name."""
    tree = ast.parse(path.read_text())

    assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Global)]


def test_the_environment_is_read_in_one_file():
    """Only settings.py looks at environment variables."""
    readers = {
        p.name for p in SOURCE if re.search(r"os\.(environ|getenv)", p.read_text())
    }

    assert readers == {"settings.py"}


def test_importing_does_nothing(tmp_path):
    """No file, socket, process, thread or handler appears when roadbed is imported."""
    code = (
        "import sys, threading, logging, os\n"
        "seen = []\n"
        "bad = {'socket.connect', 'subprocess.Popen', 'os.mkdir'}\n"
        "sys.addaudithook(lambda e, a: seen.append(e) if e in bad else None)\n"
        "env = dict(os.environ)\n"
        "import roadbed.app, roadbed.server.asgi, roadbed.workbench\n"
        "assert not seen, seen\n"
        "assert threading.active_count() == 1\n"
        "assert not logging.root.handlers\n"
        "assert dict(os.environ) == env\n"
    )
    subprocess.run(
        [sys.executable, "-Bc", code], check=True, env={"HOME": str(tmp_path)}
    )


HEAVY = {
    "sqlalchemy", "alembic", "duckdb", "aiohttp", "starlette", "uvicorn", "jinja2",
    "numpy", "pandas", "onnxruntime", "sklearn", "cedarpy", "cryptography", "pydantic",
}  # fmt: skip


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_the_command_line_starts_light(words):
    """`--version` and `--help` load no database, HTTP or ML library."""
    code = (
        "import json, sys\n"
        "from roadbed.cli import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert not HEAVY & set(json.loads(run.stdout.splitlines()[-1]))


ASIDE = {
    "alembic", "aiohttp", "duckdb", "genai_prices", "httpx", "httpx2", "jinja2", "mako",
    "numpy", "onnxruntime", "pandas", "pygments", "sklearn",
}  # fmt: skip
"""What a server loads for a first use, in a helper, or never."""


def test_a_server_begins_without_what_it_may_never_use():
    """A worker's memory is its calls'; see decision 020."""
    code = (
        "import json, sys\n"
        "import roadbed.server.main\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert not ASIDE & set(json.loads(run.stdout))


ADAPTERS = sorted(
    p.with_suffix("")
    for p in Path("src/roadbed/adapters").glob("*/*")
    if not p.name.startswith("_") and (p.suffix == ".py" or p.is_dir())
)


@pytest.mark.parametrize("path", ADAPTERS, ids=str)
def test_every_adapter_runs_its_contract(path):
    """Each adapter, a file or a folder, has a test that inherits a contract."""
    folder = Path("tests") / path.parent.relative_to("src/roadbed")
    test = folder / f"test_{path.name}.py"

    assert re.search(r"class \w+\(\w*Contract\)", test.read_text())


def test_mocks_are_rare():
    """At most one mock for every ten tests."""
    texts = [p.read_text() for p in TESTS]
    tests = sum(len(re.findall(r"^ *(?:async )?def test_", t, re.M)) for t in texts)
    mocks = sum(len(re.findall(r"monkeypatch\.|Mock\(|patch\(", t)) for t in texts)

    assert mocks <= tests / 10


def test_no_test_is_empty():
    """Every test can fail: it asserts, or expects an error."""
    for path in TESTS:
        for node in functions(path):
            if node.name.startswith("test_"):
                text = ast.unparse(node)
                can_fail = re.search(r"assert|raises|check=True|expect\(|fail\(", text)
                assert can_fail, f"{path}: {node.name}"


def test_the_repository_names_no_machine_and_no_index():
    """No path of a machine, no package index, in anything that is kept."""
    files = subprocess.run(
        ["git", "ls-files"], check=True, capture_output=True, text=True
    ).stdout.split()
    hosts = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "/ro" + "ot/"]
    for name in files:
        text = Path(name).read_bytes()
        if name.startswith("src/roadbed/console/static/vendor/"):
            continue
        assert not [h for h in hosts if h.encode() in text], name


def test_the_lock_holds_everything_that_is_asked_for():
    """A fresh clone installs from the lock alone."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
        *(x for e in project["project"]["optional-dependencies"].values() for x in e),
    ]
    names = {re.match(r"[a-zA-Z0-9_-]+", w)[0].lower() for w in wanted} - {"roadbed"}
    lock = Path("requirements/dev.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9_.-]+)(?:\[[\w, -]+\])?==", lock, re.M))

    assert names <= locked
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > len(locked)


def test_every_alert_has_a_runbook():
    """Whatever raises an alert, somebody wrote down what to do."""
    text = "".join(p.read_text() for p in SOURCE)
    names = r"(?:spool|keeper|recorder|serving|served|chore|audit|rollout)"
    codes = set(
        re.findall(rf'(?:code=|alert\(|^[A-Z]+ = )"({names}\.[a-z-]+)"', text, re.M)
    )

    assert len(codes) > 8
    assert codes <= {p.stem for p in Path("docs/runbooks").glob("*.md")}


def test_the_version_is_said_once():
    """The changelog's newest entry is the version of the package."""
    newest = re.search(r"^## \[(.+?)\]", Path("CHANGELOG.md").read_text(), re.M)

    assert newest
    assert newest[1] in ("Unreleased", roadbed.__version__)
