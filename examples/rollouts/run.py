"""Rollouts that judge themselves: a good version to all, a bad one back by itself.

Four replicas serve a hosted and a trained model to real clients, and each of the two is
released twice by changing one pin in Git. Nothing is told to go on or to go back. Makes
a line in a folder for the moment, or in the one that is given; with `--stay` the
replicas go on until Ctrl-C, so that the console can be looked at.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from replicas import BIN, database, started

HERE = Path(__file__).parent
GIT = ("git", "-c", "user.name=Example", "-c", "user.email=example@localhost")
REPLICAS = 4
LONGEST_S = 300
ENDPOINTS = ("concierge", "tumor-triage")


class Line:
    """A stack in Git with its state, and the commands that a person would type."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment

    def run(self, *words, given="", show=True, code=0):
        """Run a command, show it, and return its output."""
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
            said = (done.stderr + done.stdout).splitlines()
            print("".join(f"  {line}\n" for line in said), flush=True)
        if done.returncode != code:
            sys.exit(
                f"{' '.join(words)} ended with {done.returncode}, not {code}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def json(self, *words):
        """Return what a command prints as JSON."""
        return json.loads(self.run(*words, "-o", "json", show=False))

    def commit(self, message):
        """Commit the stack, and apply it: no more is done to release a version."""
        self.run("git", "add", "-A", show=False)
        self.run(*GIT, "commit", "-q", "-m", message, show=False)
        print(f"git commit: {message}")
        self.run("roadbed", "apply", "--yes")

    def edit(self, name, pattern, text):
        """Replace what matches in one file of the stack."""
        file = self.folder / name
        file.write_text(re.sub(pattern, text, file.read_text()))

    def pin(self, number):
        """Pin a version on both endpoints."""
        for name in ENDPOINTS:
            self.edit(f"endpoints/{name}.yaml", rf"{name}@\d+", f"{name}@{number}")


def begin(line, port):
    """Make a line that serves the first version of both models."""
    line.folder.mkdir(parents=True, exist_ok=True)
    line.run("roadbed", "init", ".", show=False)
    token = (line.folder / ".roadbed" / "bootstrap-token").read_text()
    line.run("roadbed", "login", given=token, show=False)
    line.run("git", "init", "-q", show=False)
    shutil.copy(HERE / "stack" / "concierge.yaml", line.folder / "concierge.yaml")
    line.edit("concierge.yaml", "PORT", str(port))
    line.commit("Declare the concierge")
    line.run(sys.executable, str(HERE / "train.py"))
    shutil.copytree(
        HERE / "stack" / "endpoints", line.folder / "endpoints", dirs_exist_ok=True
    )
    line.commit("Serve the first version of both")
    return line.run("roadbed", "key", "create", "demo-app", show=False).strip()


@contextmanager
def upstream():
    """Run the stand-in for a model provider; yield its port."""
    words = [sys.executable, HERE / "upstream.py"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield int(running.stdout.readline())
        finally:
            running.terminate()


@contextmanager
def traffic(bases, key):
    """Let real clients ask all replicas; yield where their counts end up."""
    words = [sys.executable, HERE / "traffic.py", *bases]
    counts = {}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, text=True, env=os.environ | {"ROADBED_KEY": key}
    ) as running:
        try:
            running.stdout.readline()
            yield counts
            counts |= json.loads(running.communicate("stop\n", timeout=60)[0])
        finally:
            running.kill()


def watch(line, wanted):
    """Print each change of both rollouts until they are over, and as *wanted*."""
    told, began = set(), time.monotonic()
    while True:
        found = newest(line)
        for rollout in found.values():
            tell(line, rollout, told)
        phases = {name: rollout["phase"] for name, rollout in found.items()}
        if all(phase == wanted for phase in phases.values()):
            return found
        if time.monotonic() - began > LONGEST_S or over(phases, wanted):
            sys.exit(f"wanted all {wanted}, found {phases}")
        time.sleep(1)


def newest(line):
    """Return the newest rollout of each endpoint."""
    found = {}
    for rollout in line.json("roadbed", "rollout", "list")["rollouts"]:
        found.setdefault(rollout["endpoint"], rollout)
    return {name: found[name] for name in ENDPOINTS}


def over(phases, wanted):
    """Say whether some rollout ended otherwise."""
    ends = {"promoted", "rolled_back", "aborted", "paused", "inconclusive"} - {wanted}
    return any(phase in ends for phase in phases.values())


def tell(line, rollout, told):
    """Print what happened to a rollout since it was last looked at."""
    shown = line.json("roadbed", "rollout", "get", rollout["id"])
    for change in shown["changes"]:
        key = rollout["id"], change["revision"]
        if key in told:
            continue
        told.add(key)
        print(
            f"  {rollout['endpoint']:<13} {change['phase']:<13} "
            f"{change['weight'] / 100:5.1f} %  {change['reason']}",
            flush=True,
        )


def play(line, bases, key):
    """Release a good version and a bad one, under traffic all the time."""
    with traffic(bases, key) as counts:
        time.sleep(2)
        print(f"\n== A version that is as good, on {len(bases)} replicas\n")
        line.run("roadbed", "rollout", "plan", "concierge")
        line.edit("concierge.yaml", "upstream: .*", "upstream: concierge-0")
        line.pin(2)
        line.commit("Release version 2 of both")
        watch(line, "promoted")
        print(
            "\n== A version that fails one time in four; one that predicts nonsense\n"
        )
        line.edit("concierge.yaml", "upstream: .*", "upstream: concierge-25")
        line.pin(3)
        line.commit("Release version 3 of both")
        found = watch(line, "rolled_back")
        for rollout in found.values():
            line.run("roadbed", "rollout", "get", rollout["id"])
        print("== Git still pins version 3: that is drift, with a patch against it\n")
        line.run("roadbed", "plan")
    print("What the clients saw in all that time:\n")
    for name, count in counts.items():
        print(f"  {name:<28} {count:>6}")
    return counts


def judge(counts):
    """End with an error unless every failed call was a bad answer of version 3."""
    expected = {"seconds", "concierge ok", "tumor-triage ok", "concierge 502"}
    odd = {name: n for name, n in counts.items() if name not in expected}
    if odd:
        sys.exit(f"calls failed that nobody meant to: {odd}")


def main():
    """Play it all."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("folder", nargs="?", type=Path, help="where to make the line")
    words.add_argument("--stay", action="store_true", help="go on serving afterwards")
    words.add_argument("--sqlite", action="store_true", help="without PostgreSQL")
    asked = words.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="rollouts-"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
    kept |= {"PATH": f"{BIN}:{kept['PATH']}", "ROADBED_ROLLOUT_LOOK_S": "1"}
    with database() as address, upstream() as port:
        if address and not asked.sqlite:
            kept |= {"ROADBED_DATABASE": address}
        line = Line(folder / "line", kept)
        key = begin(line, port)
        with started(line.folder, kept, REPLICAS) as bases:
            counts = play(line, bases, key)
            print(f"\nconsole: {bases[0]}/console/rollouts")
            if asked.stay:
                print("The replicas go on. Press Ctrl-C to stop them.", flush=True)
                stay()
    judge(counts)
    if asked.folder is None:
        shutil.rmtree(folder)


def stay():
    """Wait until somebody has looked long enough."""
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
