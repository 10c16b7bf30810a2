import subprocess

import pytest

from roadbed.adapters.code.git import GitCode
from roadbed.ports.code import Tree
from roadbed.testing.code_contract import CodeContract

WHO = ("-c", "user.name=mira", "-c", "user.email=mira@example.org")


class TestGitCode(CodeContract):
    @pytest.fixture
    def code(self):
        return GitCode()

    @pytest.fixture
    def make(self, tmp_path):
        def git(folder, *words):
            command = ["git", "-C", folder, *WHO, *words]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return done.stdout.strip()

        def make(files):
            folder = tmp_path / f"repository-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            git(folder, "init", "-q")
            for name, text in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)
            git(folder, "add", "-A")
            git(folder, "commit", "-q", "-m", "as it was")
            bundle = tmp_path / f"{folder.name}.bundle"
            git(folder, "bundle", "create", "-q", str(bundle), "HEAD")
            return Tree(commit=git(folder, "rev-parse", "HEAD"), bundle=bundle)

        return make
