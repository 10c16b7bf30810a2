import subprocess

import pytest

from roadbed.core.digest import digest
from roadbed.workbench.code import observe


def test_a_clean_tree_is_its_commit(repository):
    folder, git = repository
    code = observe(folder)

    assert code.content() == {
        "repository": True,
        "commit": git("rev-parse", "HEAD"),
        "branch": "main",
        "remote": "",
        "folder": "",
        "dirty": False,
        "untracked": [],
        "patch": "",
    }


def test_a_dirty_tree_is_its_commit_and_a_patch_that_restores_it(repository, tmp_path):
    folder, git = repository
    (folder / "train.py").write_text("C = 2.0  # größer\n")
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    git("add", "weights.bin")
    code = observe(folder)

    git("clone", "-q", folder, tmp_path / "copy")
    apply = ["git", "-C", tmp_path / "copy", "apply", "--binary"]
    subprocess.run(apply, input=code.patch, check=True)
    assert code.facts["dirty"]
    assert code.content()["patch"] == digest(code.patch)
    for name in ("train.py", "weights.bin"):
        assert (tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes()


def test_files_that_git_does_not_know_are_named_with_their_digests(repository):
    folder, _ = repository
    (folder / "new.py").write_bytes(b"x = 1\n")
    (folder / ".roadbed").mkdir()
    (folder / ".roadbed" / "control.db").write_bytes(b"state")
    code = observe(folder)

    assert code.facts["untracked"] == [{"path": "new.py", "digest": digest(b"x = 1\n")}]
    assert code.facts["dirty"]


def test_a_folder_below_the_top_says_where_it_is(repository):
    folder, _ = repository
    (folder / "models").mkdir()
    (folder / "new.py").write_text("x = 1\n")
    code = observe(folder / "models")

    assert code.facts["folder"] == "models"
    assert [item["path"] for item in code.facts["untracked"]] == ["new.py"]


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("https://mira:token@example.org/team/p.git", "https://example.org/team/p.git"),
        ("git@example.org:team/p.git", "git@example.org:team/p.git"),
        ("/srv/repositories/p.git", ""),
        ("file:///srv/p.git", ""),
    ],
)
def test_a_remote_is_told_without_secrets_and_without_machines(repository, url, remote):
    folder, git = repository
    git("remote", "add", "origin", url)

    assert observe(folder).facts["remote"] == remote


def test_a_repository_without_a_commit_is_dirty(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    code = observe(tmp_path)

    assert (code.facts["commit"], code.facts["dirty"]) == ("", True)


def test_no_repository_is_recorded_and_is_no_error(tmp_path):
    assert observe(tmp_path).content() == {
        "repository": False,
        "reason": "no repository",
        "patch": "",
    }


def test_looking_changes_nothing_in_the_repository(repository):
    folder, _ = repository
    (folder / "train.py").write_text("C = 3.0\n")

    def state():
        return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}

    before = state()
    observe(folder)

    assert state() == before
