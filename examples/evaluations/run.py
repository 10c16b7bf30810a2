"""Evaluations that gate: two real endpoints, and four pull requests of strangers.

Makes a line in a folder for the moment, or in the one that is given. No key and no
network are needed. All figures are measured while it runs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
GIT = ("git", "-c", "user.name=Example", "-c", "user.email=example@localhost")


class Line:
    """A stack with its state and its repository, and the branches of strangers."""

    def __init__(self, folder):
        self.folder = folder / "line"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
        state = str(self.folder / ".roadbed")
        self.environment = kept | {"PATH": f"{BIN}:{kept['PATH']}"}
        self.as_owner = self.environment | {"ROADBED_STATE": state}
        self.keys = {}

    def run(self, *words, where="line", who="", given="", show=True, code=0):
        """Run a command as a person would type it, show it, and return its output."""
        environment = self.as_owner
        if who:
            environment = environment | {"ROADBED_KEY": self.keys[who]}
        done = subprocess.run(
            words,
            cwd=self.folder.parent / where,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if show:
            as_who = f"  # as {who}" if who else ""
            print(f"{where}$ {' '.join(words)}{as_who}")
            said = (done.stderr + done.stdout).splitlines()
            print("".join(f"  {line}\n" for line in said))
        if done.returncode != code:
            sys.exit(
                f"{' '.join(words)} ended with {done.returncode}, not {code}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def commit(self, message, where="line"):
        """Commit all that is in a folder."""
        self.run("git", "add", "-A", where=where, show=False)
        self.run(*GIT, "commit", "-q", "-m", message, where=where, show=False)

    def branch(self, name):
        """Return the folder of a new branch of the stack."""
        self.run("git", "clone", "-q", "line", name, where=".", show=False)
        return self.folder.parent / name

    def gate(self, endpoint, branch, code):
        """Run the gate as the CI of a pull request does, and say what it decided."""
        self.run(
            *("roadbed", "eval", "gate", endpoint, "--stack", "."),
            *("--markdown", "gate.md", "--junit", "gate.xml"),
            where=branch,
            who="pull-requests",
            code=code,
        )
        print(f"{branch}: exit code {code}\n")


def begin(folder):
    """Make a line with the starter stack, data, a golden set, and a trained model."""
    line = Line(folder)
    line.folder.mkdir(parents=True)
    line.run("roadbed", "init", ".", show=False)
    token = (line.folder / ".roadbed" / "bootstrap-token").read_text()
    line.run("roadbed", "login", given=token, show=False)
    for name in ("accounts.yaml", "golden.yaml"):
        shutil.copy(HERE / "stack" / name, line.folder / name)
    for name in ("data.py", "train.py", "questions.jsonl"):
        shutil.copy(HERE / name, line.folder / name)
    line.run("roadbed", "apply", "--yes", show=False)
    line.run("git", "init", "-q", show=False)
    line.commit("A stack, and what trains its model")
    for name in ("pull-requests", "product-owner"):
        key = line.run("roadbed", "key", "create", name, show=False)
        line.keys[name] = key.strip()
    return line


def evaluate(line):
    """Train, declare the evaluations, and judge what is to be served first."""
    print("Two thirds of the biopsies are held out, and 80 questions are written.\n")
    line.run("python", "data.py")
    line.run("roadbed", "dataset", "create", "handbook-questions", "questions.jsonl")
    line.run("roadbed", "run", "--", "python", "train.py")
    shutil.copytree(HERE / "stack", line.folder, dirs_exist_ok=True)
    print("A model that was trained, and is not served yet: it has to pass first.\n")
    line.run("roadbed", "eval", "gate", "tumor-triage", "--stack", ".")
    line.run("roadbed", "apply", "--yes")
    line.commit("Serve tumor-triage, and evaluate both endpoints")
    print("The handbook, which is served already.\n")
    line.run("roadbed", "eval", "run", "handbook")


def shorter_pages(line):
    """Propose a shorter handbook: the first paragraph of each page."""
    branch = line.branch("shorter-pages")
    for page in (branch / "handbook").glob("*.md"):
        heading, first, *_ = page.read_text().split("\n\n")
        page.write_text(f"{heading}\n\n{first.strip()}\n")
    pin(branch, "handbook", 2)
    line.commit("Keep the first paragraph of each page", "shorter-pages")
    print("A pull request makes the handbook shorter. Its gate fails.\n")
    line.gate("handbook", "shorter-pages", 3)


def another_sentence(line):
    """Propose one more sentence, which harms nothing."""
    branch = line.branch("another-sentence")
    with (branch / "handbook" / "access.md").open("a") as page:
        page.write("\nAsk a security-admin if you need a key.\n")
    pin(branch, "handbook", 2)
    line.commit("Say who makes keys", "another-sentence")
    print("One adds a sentence. Its gate passes.\n")
    line.gate("handbook", "another-sentence", 0)


def too_few(line):
    """Propose the same sentence, with a golden set of eight questions."""
    branch = line.branch("too-few")
    lines = (HERE / "questions.jsonl").read_text().splitlines()
    (line.folder / "few.jsonl").write_text("\n".join(lines[::10]) + "\n")
    line.run("roadbed", "dataset", "create", "handbook-questions", "few.jsonl")
    with (branch / "handbook" / "access.md").open("a") as page:
        page.write("\nAsk a security-admin if you need a key.\n")
    pin(branch, "handbook", 2)
    replace(branch / "evaluations.yaml", "handbook-questions@1", "handbook-questions@2")
    line.commit("Judge by fewer questions", "too-few")
    print("One cuts the golden set to 8 questions. They cannot tell.\n")
    line.gate("handbook", "too-few", 6)


def one_column(line):
    """Propose a model that was trained on one column of ten."""
    line.run("roadbed", "run", "--", "python", "train.py", "mean texture")
    line.branch("one-column")
    pin(line.folder.parent / "one-column", "tumor-triage", 2)
    line.commit("Read one column only", "one-column")
    print("One serves a model that reads one column. Its gate fails.\n")
    line.gate("tumor-triage", "one-column", 3)


def insist(line):
    """Apply what failed: refused, until somebody else says why it may be."""
    print("Whoever applies the shorter handbook all the same is refused.\n")
    line.run("roadbed", "apply", "../shorter-pages", "--yes", code=3)
    week = datetime.now(UTC) + timedelta(days=7)
    waiver = (
        *("roadbed", "eval", "waive", "handbook", "handbook@2"),
        *("--evaluation", "answers", "--stack", "../shorter-pages"),
        *("--reason", "the long pages are wrong, and corrected by Friday"),
        *("--until", f"{week:%Y-%m-%d}"),
    )
    print("Another person may waive the gate, for a time, and the log says so.\n")
    line.run(*waiver, who="product-owner")
    line.run("roadbed", "apply", "../shorter-pages", "--yes")
    line.run("roadbed", "audit", "list", "--action", "evaluation.waive", "-o", "json")


def pin(branch, endpoint, number):
    """Pin a version of the model that is called like *endpoint*."""
    path = branch / "endpoints" / f"{endpoint}.yaml"
    replace(path, f"model: {endpoint}@1", f"model: {endpoint}@{number}")


def replace(path, old, new):
    """Replace *old*, which stands in the file at *path*, by *new*."""
    text = path.read_text()
    if old not in text:
        sys.exit(f"{path} has no {old!r}")
    path.write_text(text.replace(old, new))


def play(folder):
    """Play all of it in *folder*."""
    line = begin(folder)
    evaluate(line)
    shorter_pages(line)
    another_sentence(line)
    too_few(line)
    one_column(line)
    insist(line)


def main():
    """Play in the folder that is given, or in one for the moment."""
    if len(sys.argv) > 1:
        play(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory(prefix="evaluations-") as name:
        play(Path(name))


if __name__ == "__main__":
    main()
