"""From 92 % to 84 %: a model is trained again, and is worse. What changed?

Makes a line in a folder for the moment, or in the one that is given, and plays half a
year in it: two deliveries of data, two trainings, one question, one repair. All figures
are measured while it runs.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
GIT = ("git", "-c", "user.name=Example", "-c", "user.email=example@localhost")


class Line:
    """A stack with its state and its repository, in one folder."""

    def __init__(self, folder):
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
        self.environment = kept | {"PATH": f"{BIN}:{kept['PATH']}"}

    def run(self, *words, given="", show=True, code=0):
        """Run a command as a person would type it, show it, and return its output."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if show:
            print(f"$ {' '.join(words)}")
            print("".join(f"  {line}\n" for line in done.stdout.splitlines()))
        if done.returncode != code:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *words):
        """Run a command without showing it and return what it says, as JSON."""
        return json.loads(self.run(*words, "--output", "json", show=False))

    def commit(self, message):
        """Commit all that is in the folder."""
        self.run("git", "add", "-A", show=False)
        self.run(*GIT, "commit", "-q", "-m", message, show=False)


def play(folder):
    """Play the half year in *folder*; return what was measured."""
    line = begin(folder)
    print("January: the data arrives, the model is trained.\n")
    line.run("python", "data.py", "january")
    line.run("roadbed", "run", "--", "python", "train.py")
    print("July: a new delivery, and somebody has touched the code meanwhile.\n")
    line.run("python", "data.py", "july")
    train = folder / "train.py"
    train.write_text(train.read_text().replace('"C": 0.5', '"C": 0.6'))
    line.commit("Regularise a little less")
    line.run("roadbed", "run", "--", "python", "train.py")
    print("What changed?\n")
    line.run("roadbed", "model", "diff", "tumor-triage@1", "@2")
    changes = line.json("roadbed", "model", "diff", "tumor-triage@1", "@2")
    repair(line)
    return {"changes": changes, **reproduce(line)}


def begin(folder):
    """Make a line with the starter stack, and a repository with the training code."""
    line = Line(folder)
    line.run("roadbed", "init", ".", show=False)
    token = (folder / ".roadbed" / "bootstrap-token").read_text()
    line.run("roadbed", "login", given=token, show=False)
    line.run("roadbed", "apply", "--yes", show=False)
    for name in ("train.py", "features.py", "data.py"):
        shutil.copy(HERE / name, folder / name)
    line.run("git", "init", "-q", show=False)
    line.commit("Train tumor-triage")
    return line


def repair(line):
    """Say that the data is bad, mend it, and train again what rests on it."""
    print("The units of the second clinic: July's data is bad, and is mended.\n")
    why = "a quarter of the rows has centimetres for millimetres"
    line.run("roadbed", "dataset", "mark", "tumors@2", "--bad", "--reason", why)
    line.run("roadbed", "dataset", "uses", "tumors@2")
    line.run("python", "data.py", "repaired")
    line.run("roadbed", "retrain", "--because", "dataset:tumors@2")
    line.run("roadbed", "model", "lineage", "tumor-triage@3")


def reproduce(line):
    """Repeat January's run; say whether it is the same to the last bit."""
    runs = line.json("roadbed", "run", "list")["runs"]
    line.run("roadbed", "run", "reproduce", runs[-1]["run"])
    return {"repaired": runs[0]["metrics"]["accuracy"]}


def main():
    """Play, and end with an error unless the data is named first."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True)
        found = play(folder)
    else:
        with tempfile.TemporaryDirectory(prefix="ninety-two-") as name:
            found = play(Path(name))
    (effect,) = [e for e in found["changes"]["effects"] if e["metric"] == "accuracy"]
    first = found["changes"]["causes"][0]
    print(
        f"measured: {effect['left']:.1%} in January, {effect['right']:.1%} in July, "
        f"{found['repaired']:.1%} on the mended data"
    )
    print(f"named first: {first['kind']}, {first['subject']}")
    if first["kind"] != "data":
        sys.exit("the data should have been named first")


if __name__ == "__main__":
    main()
