"""What running an evaluation costs: per case, in memory, and when it is run again.

```
python bench/evaluations.py                       # Roadbed alone, a small size
python bench/evaluations.py --peers build/peers   # also installs promptfoo and Inspect
python bench/evaluations.py --cases 50000         # memory and re-runs at full size
```

Overhead is of the command line as people use it: the same cases, the same upstream,
which answers at once, eight questions at a time, one grader that looks for a word. It
is the difference between a long run and a short one, divided by the cases between
them, so that no start counts. CPU is that of the process and its children, without the
upstream. Roadbed asks on the governed path: authorized, limited, on record. No tool
sends telemetry or looks for updates.

Memory and re-runs are of one process with three graders and an instant provider in it.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roadbed.testing.upstream import Upstream

PINNED = {"inspect-ai": "0.3.285", "promptfoo": "0.121.20"}
MODEL = "gpt-4o-2024-08-06"
WORD = "e"
QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_SELF_HOSTED": "1",
    "OPENAI_API_KEY": "sk-nothing",
    "DO_NOT_TRACK": "1",
}
STACK = """\
apiVersion: roadbed/v1
kind: ServiceAccount
metadata: {{name: operator}}
spec: {{roles: [platform-engineer, security-admin, researcher, auditor], keys: true}}
---
apiVersion: roadbed/v1
kind: Provider
metadata: {{name: up}}
spec:
  type: openai
  config: {{base_url: "{url}", private: true}}
---
apiVersion: roadbed/v1
kind: Model
metadata: {{name: support}}
spec:
  owner: team
  hosted: {{provider: up, upstream: gpt-4o-2024-08-06}}
---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: support}}
spec: {{model: support@1}}
---
apiVersion: roadbed/v1
kind: Dataset
metadata: {{name: asked}}
spec: {{owner: a, licence: b, classification: public, purposes: [c], source: d}}
"""
EVALUATION = """\
---
apiVersion: roadbed/v1
kind: Evaluation
metadata: {{name: e{cases}}}
spec:
  endpoint: support
  cases: {{dataset: asked@{number}}}
  graders: [{{name: word, grader: contains}}]
  blocking: never
"""
TASK = """
import json
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@task
def bench(file: str):
    lines = [json.loads(line) for line in open(file)]
    samples = [Sample(input=c["input"], target=c["expected"]) for c in lines]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes())
"""


@dataclass(frozen=True)
class Took:
    """What a command took: seconds of CPU and of the clock."""

    cpu: float
    wall: float


def main() -> None:
    """Measure and print."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as scratch, Upstream("well") as upstream:
        folder = Path(scratch)
        sizes = (asked.short, asked.long)
        runs = {"Roadbed": roadbed(folder / "roadbed", upstream.url, sizes)}
        if asked.peers:
            peers = Path(asked.peers).absolute()
            runs["promptfoo"] = promptfoo(peers, folder / "pf", upstream.url, sizes)
            runs["Inspect"] = inspect(peers, folder / "in", upstream.url, sizes)
        overhead(runs, sizes)
    memory(asked.cases)


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    words = argparse.ArgumentParser(description="What running an evaluation costs.")
    words.add_argument("--short", type=int, default=100, help="cases of the short run")
    words.add_argument("--long", type=int, default=1100, help="cases of the long run")
    words.add_argument("--cases", type=int, default=2000, help="cases for the memory")
    words.add_argument("--peers", help="folder to install the peers in")
    return words.parse_args()


def overhead(runs: dict[str, list[Took]], sizes: tuple[int, int]) -> None:
    """Print milliseconds for each case, and how often as much as Roadbed's."""
    apart = sizes[1] - sizes[0]
    print(f"{'per case':<12} {'CPU ms':>8} {'wall ms':>8} {'start s':>8}")
    for name, (short, long) in runs.items():
        cpu, wall = long.cpu - short.cpu, long.wall - short.wall
        start = short.wall - wall / apart * sizes[0]
        each = f"{cpu / apart * 1e3:>8.2f} {wall / apart * 1e3:>8.2f}"
        print(f"{name:<12} {each} {start:>8.1f}")


def roadbed(folder: Path, url: str, sizes: tuple[int, int]) -> list[Took]:
    """Return what `roadbed eval run` takes, for each size."""
    folder.mkdir(parents=True)
    home = {"HOME": str(folder), "ROADBED_PRIVATE_HOSTS": "127.0.0.1"}
    program = str(Path(sys.executable).with_name("roadbed"))

    def call(*words: str) -> None:
        command(folder, home, program, *words)

    call("init", ".")
    token = (folder / ".roadbed/bootstrap-token").read_text()
    command(folder, home, program, "login", given=token)
    for file in folder.glob("**/*.yaml"):
        file.unlink()
    text = STACK.format(url=url)
    (folder / "stack.yaml").write_text(text)
    call("apply", "--yes")
    took = []
    for number, cases in enumerate(sizes, 1):
        write_cases(folder / "cases.jsonl", cases)
        call("dataset", "create", "asked", "cases.jsonl")
        text += EVALUATION.format(cases=cases, number=number)
        (folder / "stack.yaml").write_text(text)
        call("apply", "--yes")
        words = (program, "eval", "run", "support", "--evaluation", f"e{cases}")
        took.append(timed(folder, home, *words))
    return took


def promptfoo(
    peers: Path, folder: Path, url: str, sizes: tuple[int, int]
) -> list[Took]:
    """Return what `promptfoo eval` takes, for each size."""
    place, home = peers / "promptfoo", QUIET | {"PROMPTFOO_CONFIG_DIR": str(folder)}
    program = place / "node_modules/.bin/promptfoo"
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        named = f"promptfoo@{PINNED['promptfoo']}"
        command(place, {}, "npm", "install", "--no-audit", "--no-fund", named)
    folder.mkdir(parents=True)
    return [
        timed(folder, home, str(program), "eval", "-c", config, *_PLAIN)
        for config in (write_config(folder, url, cases) for cases in sizes)
    ]


_PLAIN = ("--no-cache", "--max-concurrency", "8", "--no-progress-bar", "--no-table")


def write_config(folder: Path, url: str, cases: int) -> str:
    """Write what promptfoo is to do and return the name of the file."""
    config = {
        "prompts": ["{{question}}"],
        "providers": [
            {"id": f"openai:chat:{MODEL}", "config": {"apiBaseUrl": url}},
        ],
        "tests": [
            {
                "vars": {"question": case["input"]},
                "assert": [{"type": "contains", "value": case["expected"]}],
            }
            for case in made(cases)
        ],
    }
    file = folder / f"config-{cases}.json"
    file.write_text(json.dumps(config))
    return str(file)


def inspect(peers: Path, folder: Path, url: str, sizes: tuple[int, int]) -> list[Took]:
    """Return what `inspect eval` takes, for each size."""
    place = peers / "inspect/.venv"
    if not (place / "bin/inspect").exists():
        venv.create(place, with_pip=True)
        named = (f"inspect-ai=={PINNED['inspect-ai']}", "openai")
        command(peers, {}, str(place / "bin/pip"), "install", "-q", *named)
    folder.mkdir(parents=True)
    (folder / "task.py").write_text(TASK)
    took = []
    for cases in sizes:
        file = folder / f"cases-{cases}.jsonl"
        write_cases(file, cases)
        words = ("eval", "task.py", "--model", f"openai/{MODEL}", "-T", f"file={file}")
        more = ("--model-base-url", url, "--max-connections", "8", "--display", "none")
        took.append(timed(folder, QUIET, str(place / "bin/inspect"), *words, *more))
    return took


def made(cases: int) -> Iterator[dict[str, str]]:
    """Yield so many cases."""
    for n in range(cases):
        yield {"input": f"Question {n}: what is said?", "expected": WORD}


def write_cases(file: Path, cases: int) -> None:
    """Write so many cases as JSON Lines."""
    file.write_text("".join(json.dumps(case) + "\n" for case in made(cases)))


def timed(folder: Path, home: dict[str, str], *words: str) -> Took:
    """Return what a command took; it must succeed."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command(folder, home, *words)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return Took(cpu=user + system, wall=wall)


def command(folder: Path, home: dict[str, str], *words: str, given: str = "") -> None:
    """Run a command; say what it said if it fails."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | home,
        input=given,
        capture_output=True,
        text=True,
    )
    # promptfoo ends with 100 where an assertion fails; none of ours does.
    if done.returncode:
        raise SystemExit(
            f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def memory(cases: int) -> None:
    """Print how much a process grows, and how much quicker the second run is."""
    from roadbed.evals.running.work import Progress

    with tempfile.TemporaryDirectory() as scratch:
        line = Line(Path(scratch))
        line.declare(3)
        line.evaluate("warm")
        before, peak = resident(), 0

        def watch(progress: Progress) -> None:
            nonlocal peak
            if progress.done % 500 == 0:
                peak = max(peak, resident())

        line.snapshot(cases)
        first = line.evaluate("big", watch)
        peak = max(peak, resident())
        again = line.evaluate("big")
        line.declare(4)
        partly = line.evaluate("big")
        line.app.close()
    print(
        f"\n{cases:,} cases x 3 graders: {first.wall:.1f} s, {first.cpu:.1f} s of CPU"
    )
    print(f"the process grew by {peak - before} MB (from {before} to {peak})")
    for name, took in (("run again", again), ("run again with a fourth", partly)):
        ratio = f"{first.wall / took.wall:.1f} x, CPU {first.cpu / took.cpu:.1f} x"
        print(f"{name}: {took.wall:.2f} s, {ratio} quicker")


def resident() -> int:
    """Return the memory of this process in MB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) // 1024


class Answers:
    """Answers at once with the word."""

    def open(self, *_: object) -> "Answers":
        """Return what answers."""
        return self

    async def send(self, call: object) -> object:
        """Yield the answer."""
        from roadbed.inference.call import Chunk, Usage

        usage = Usage(input_tokens=9, output_tokens=9)
        yield Chunk(text=f"it is {WORD}, as I said", finish="stop", usage=usage)

    def metadata(self) -> dict:
        """Return what it is."""
        return {"platform": "instant", "inputs": [], "outputs": []}

    async def close(self) -> None:
        """Close nothing."""


class Catalog:
    """The installed types, of which `openai` opens what answers at once."""

    def __init__(self, installed: object) -> None:
        self._installed = installed

    def __getattr__(self, name: str) -> object:
        """Be the installed types in all else."""
        return getattr(self._installed, name)

    def open(self, type_name: str, config: object) -> Answers:
        """Return what opens every version as the same."""
        return Answers()


class Line:
    """A line of its own in this process."""

    def __init__(self, folder: Path) -> None:
        from roadbed.app import initialise, open_app
        from roadbed.settings import Settings

        self.folder = folder
        settings = Settings(state=folder / ".roadbed")
        initialise(settings)
        app = open_app(settings)
        self.app = replace(app, catalog=Catalog(app.catalog))
        self.app.datasets.snapshot("small", columns(20), "service-account:operator")

    def snapshot(self, cases: int) -> None:
        """Make the golden set."""
        self.app.datasets.snapshot("large", columns(cases), "service-account:operator")

    def declare(self, graders: int) -> None:
        """Make two evaluations with so many graders live."""
        kinds = ("contains", "exact", "normalised", "contains")[:graders]
        used = ", ".join(f"{{name: g{n}, grader: {k}}}" for n, k in enumerate(kinds))
        text = STACK.format(url="http://127.0.0.1:1/v1")
        for name, golden in (("warm", "small@1"), ("big", "large@1")):
            made = EVALUATION.replace("asked@{number}", golden)
            made = made.format(cases=0).replace("name: e0", f"name: {name}")
            text += made.replace("[{name: word, grader: contains}]", f"[{used}]")
        stack = self.folder / "stack"
        stack.mkdir(exist_ok=True)
        (stack / "stack.yaml").write_text(text)
        proposal = self.app.desk.propose(stack)
        self.app.desk.apply(proposal, "service-account:operator")

    def evaluate(self, name: str, tell: Any = lambda progress: None) -> Took:
        """Return what one evaluation takes."""
        cpu, wall = time.process_time(), time.monotonic()
        asyncio.run(self._evaluate(name, tell))
        return Took(time.process_time() - cpu, time.monotonic() - wall)

    async def _evaluate(self, name: str, tell: Any) -> None:
        from roadbed.control.preview import Preview
        from roadbed.control.state import current
        from roadbed.core.actor import Principal
        from roadbed.core.reference import parse
        from roadbed.server.evaluating.evaluator import Evaluator
        from roadbed.server.evaluating.inside import Inside

        roles = frozenset({"researcher"})
        who = Principal(kind="service-account", name="operator", roles=roles)
        with self.app.database.read() as connection:
            preview = Preview(live=current(connection))
        async with Inside(self.app, who, preview) as inside:
            evaluator = Evaluator(inside)
            content = preview.content("Evaluation", name)
            order = evaluator.order(content, parse("support@1"))
            await evaluator.evaluate(order, tell)


def columns(cases: int) -> dict[str, list[str]]:
    """Return so many cases as columns."""
    found = list(made(cases))
    return {name: [case[name] for case in found] for name in ("input", "expected")}


if __name__ == "__main__":
    main()
