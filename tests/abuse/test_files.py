"""Files, names and texts of strangers do no more than they should."""

import ast
import asyncio
import io
import os
import pickle
import stat
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.providers.onnx import Config, provider, unfit
from roadbed.app import open_app
from roadbed.audit.log import AuditQuery
from roadbed.control.document import read_documents
from roadbed.control.files import read_inside
from roadbed.control.leaks import leaks_in
from roadbed.control.masks import mask
from roadbed.core.errors import (
    Corrupt,
    Invalid,
    NotFound,
    ProviderError,
    RoadbedError,
)
from roadbed.core.reference import parse
from roadbed.inference.snapshot import ModelVersion
from roadbed.server.reload import Reloader
from roadbed.server.switch import Switch
from roadbed.settings import Settings
from tests.acceptance.line import Line
from tests.server.api.estate import serving_estate
from tests.server.house import Alarm

SOURCE = sorted(Path("src/roadbed").rglob("*.py"))
WALKS = [
    *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd"),
    *("/etc/passwd", "..\\..\\windows", "a/../../b", "....//....//etc", "a#/../b"),
    *("file:///etc/passwd", "a\0b", "C:\\x", "//host/share", "%00", "~root", "."),
]


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with serving_estate(tmp_path_factory.mktemp("walks")) as made:
        yield made


@pytest.mark.parametrize("walk", WALKS)
def test_no_address_walks_out_of_its_folder(estate, walk):
    """Case 26: models, datasets, calls, runs and pages by names that are paths."""
    walk = walk.replace("\0", "%00").replace(" ", "%20").replace("\\", "%5c")
    places = ("models/{}/versions", "models/{}/versions/1", "datasets/{}/versions")
    for place in (*places, "datasets/{}/versions/1", "calls/{}", "runs/{}"):
        for role in ("platform-engineer", "researcher", "auditor"):
            path = f"/api/v1/{place.format(walk)}"
            status, _, told = estate.ask("GET", path, role)

            assert status in (200, 400, 403, 404), path
            assert "root:" not in str(told)
            if status == 200:
                assert not any(told.values())


@given(st.text(max_size=30))
def test_no_text_but_a_reference_is_a_reference(text):
    """Case 26: a dataset or model is named by a name and a number, never by a path."""
    try:
        found = parse(text)
    except RoadbedError:
        return
    assert str(found) == text
    assert not set(text) & set("/\\.%#:~ ")


@pytest.mark.parametrize("walk", [*WALKS, "sha256:../../x", "sha256:" + "A" * 64, ""])
def test_an_artifact_is_named_by_a_digest_and_by_nothing_else(tmp_path, walk):
    """Case 26: what is no digest is refused before a file is looked for."""
    blobs = LocalBlobs(tmp_path / "blobs")
    for ask in (blobs.get, blobs.path, blobs.has):
        with pytest.raises(Invalid):
            ask(walk)


def test_links_pipes_and_devices_in_a_stack_are_not_read(tmp_path):
    """Case 26: only a regular file of the folder itself is read."""
    (tmp_path / "outside").write_text("not yours")
    stack = tmp_path / "stack"
    stack.mkdir()
    (stack / "link").symlink_to("../outside")
    os.mkfifo(stack / "pipe")
    (stack / "zero").symlink_to("/dev/zero")
    for name in ("link", "pipe", "zero", "../outside"):
        with pytest.raises(Invalid):
            read_inside(stack / name, stack, 100)


def calls_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def trees():
    for path in SOURCE:
        yield path.relative_to("src/roadbed").as_posix(), ast.parse(path.read_text())


def test_no_archive_is_unpacked_by_the_names_inside_it():
    """Case 26: no `extract`, so no member of an archive chooses where it lands."""
    found = {
        (name, call)
        for name, tree in trees()
        for call, _ in calls_of(tree)
        if call.rpartition(".")[2] in ("extract", "extractall", "unpack_archive")
    }

    assert found == set()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-here",)


def zipped(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, pickle.dumps(Evil()))
    return data.getvalue()


def tarred():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO())
    return data.getvalue()


UPLOADS = {
    "pickle": pickle.dumps(Evil()),
    "joblib": b"\x80\x04\x95" + pickle.dumps(Evil())[2:],
    "torch": zipped("archive/data.pkl"),
    "torch-package": zipped(".data/extern_modules"),
    "keras": zipped("config.json"),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "tar": tarred(),
    "empty": b"",
}


def version_with(artifact, kind="onnx"):
    port = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
    body = {"provider": "here", "format": kind, "artifact": artifact}
    body["signature"] = {"inputs": [port], "outputs": [port]}
    return ModelVersion(
        model="m", number=1, digest="sha256:1", definition={"trained": body}
    )


@pytest.mark.parametrize("name", UPLOADS)
def test_a_model_that_is_a_program_is_never_loaded(tmp_path, name):
    """Case 27: by its format, and by its bytes if it lies about the format."""
    blobs = LocalBlobs(tmp_path / "blobs")
    artifact = blobs.put([UPLOADS[name]])
    here = Path.cwd() / "evil-was-here"
    made = provider(Config(), blobs, None)
    for kind in (name, "onnx"):
        with pytest.raises(ProviderError):
            made.open(version_with(artifact, kind))

    assert not here.exists()


@pytest.mark.parametrize("kind", ["pickle", "joblib", "torch", "keras", "savedmodel"])
def test_a_format_that_runs_code_is_refused_when_it_is_planned(kind):
    """Case 27: no setting and no scanner's verdict changes that."""
    assert unfit(Config(), {"trained": {"provider": "here", "format": kind}})


RUNS_CODE = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "code"}
IMPORTS_BY_NAME = {
    "__init__.py",
    "adapters/providers/onnx/session.py",
    "cli/__init__.py",
    "control/kinds.py",
    "core/plugins.py",
}
"""Who imports by a name: names of our own files, and of installed entry points."""


def test_no_code_of_a_user_runs_in_the_server():
    """Case 30: no eval, no exec, no unpickling, and no import of a declared name."""
    by_name = set()
    for name, tree in trees():
        if name.startswith("testing/"):
            continue
        called = {call for call, _ in calls_of(tree)}
        by_name |= {name for call in called if call.endswith("import_module")}

        assert not called & {"eval", "exec", "compile", "__import__"}, name
        assert not RUNS_CODE & {i.partition(".")[0] for i in imports_of(tree)}, name
        assert not {c for c in called if c.endswith((".system", ".popen"))}, name
    assert by_name == IMPORTS_BY_NAME


def test_only_few_places_start_programs():
    """Case 30: Git, helpers of our own, and what a person runs as a run."""
    starts = {n for n, tree in trees() if "subprocess" in set(imports_of(tree))}

    assert starts == {
        "adapters/code/git.py",
        "adapters/copies/git.py",
        "core/helper.py",
        "evals/graders/_sandbox.py",
        "workbench/code.py",
        "workbench/launch.py",
    }


def test_yaml_is_read_safely():
    """Case 30: no tag makes an object, and every loader is the safe one's."""
    (document,), problems = read_documents("a: !!python/name:os.system x", "a.yaml")
    loaders = {
        ast.unparse(base)
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if "Loader" in ast.unparse(base)
    }

    assert problems or document.value["a"] in ("x", None)
    assert loaders == {"yaml.SafeLoader"}
    assert issubclass(yaml.SafeLoader, yaml.constructor.SafeConstructor)


def test_an_artifact_that_was_swapped_is_not_served_and_raises_an_alarm(tmp_path):
    """Case 28: other bytes under the same name are found when they are loaded."""
    line = Line(tmp_path / "line").start_stack()
    for file in (line.folder / ".roadbed" / "blobs" / "sha256").rglob("*"):
        if file.is_file():
            file.chmod(stat.S_IWUSR | stat.S_IRUSR)
            file.write_bytes(file.read_bytes().replace(b"endpoint", b"endpoinT") + b"x")
    app, alarm = open_app(Settings(state=line.folder / ".roadbed")), Alarm()
    switch = Switch(lambda runners: None)

    async def once():
        reloader = Reloader(lambda: 1, app.compile, switch, alarm)
        await reloader.start()
        await asyncio.to_thread(reloader.stop)

    asyncio.run(once())
    app.close()

    assert "handbook" not in switch.snapshot.deployments
    assert "damaged" in switch.snapshot.broken["handbook"]
    assert {a.code for a in alarm.raised} == {"serving.broken"}


@pytest.mark.parametrize("name", ["blobs", "models"])
def test_swapped_bytes_are_corrupt_to_whoever_asks(tmp_path, name):
    """Case 28: not one byte is given out before all of them were checked."""
    blobs = LocalBlobs(tmp_path / name)
    digest = blobs.put([b"as approved"])
    file = blobs.path(digest)
    file.chmod(0o600)
    file.write_bytes(b"as swapped!")

    for ask in (blobs.get, blobs.path):
        with pytest.raises(Corrupt):
            ask(digest)


PERSONAL = [
    *("ada@example.com", "DE89370400440532013000", "4111111111111111"),
    *("rbk_0123456789ab_" + "f" * 40, "sk-proj-abc1234567890defghij"),
]


@pytest.mark.parametrize("text", PERSONAL)
def test_what_a_stranger_writes_into_an_address_is_masked_in_the_log(estate, text):
    """Case 45: names and numbers in paths reach no audit entry and no metric."""
    for path in (f"/api/v1/models/{text}/versions", f"/v1/models/{text}"):
        estate.ask("GET", path)
        estate.ask("GET", path, "app")
    entries = "".join(map(repr, estate.app.audit.search(AuditQuery(limit=200))))
    metrics = estate.ask("GET", "/metrics", "platform-engineer")[2]

    assert "denied" in entries
    assert text not in entries
    assert text not in str(metrics)


PIECES = ["a", "://", "sk-", "password:", "a@", "4", "DE89", "eyJ-", "a.b@", " ", "%40"]


def seconds(work, text):
    start = time.thread_time()
    work(text)
    return time.thread_time() - start


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(
    "work",
    [mask, lambda text: list(leaks_in(text, "a.md"))],
    ids=["mask", "leaks_in"],
)
def test_hostile_text_takes_linear_time(work, piece):
    """Case 45: four times the text takes about four times as long, up to 1 MB."""
    small, large = (piece * (size // len(piece)) for size in (2**18, 2**20))

    before, after = (min(seconds(work, t) for _ in range(2)) for t in (small, large))

    assert after / max(before, 1e-3) < 12


def test_what_does_not_exist_is_not_found(tmp_path):
    """Case 26: a digest of nothing is 404, not an error of the file system."""
    with pytest.raises(NotFound):
        LocalBlobs(tmp_path).get("sha256:" + "0" * 64)
