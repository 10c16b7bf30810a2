"""Start a program as a run, stay beside it, and write down how it ended."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.core.errors import Conflict, Invalid
from roadbed.data.datasets import DatasetVersion
from roadbed.registry.recipe import Recipe
from roadbed.registry.runs import Input, Intent, Run
from roadbed.settings import PREFIX, environment
from roadbed.workbench import code, recipe
from roadbed.workbench.bed import Bed
from roadbed.workbench.begin import code_of, software
from roadbed.workbench.pulse import Pulse

NOT_FOUND = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to start: the words, and what is known of the run before it begins.

    `pins` are versions that the program reads whatever its code says. `where` is the
    folder that it starts in, if it is not the workbench's own, `how` its recipe, if
    that is not what the words say, and `code` the code, if that is not observed.
    `begun` is told the run's id, `quiet` keeps away what the program prints.
    """

    argv: Sequence[str]
    name: str = ""
    data: Mapping[str, DatasetVersion] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    pins: Mapping[str, int] = field(default_factory=dict)
    where: Path | None = None
    how: Recipe | None = None
    code: Mapping[str, Any] | None = None
    quiet: bool = False
    begun: Callable[[str], None] = lambda run_id: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended: the run's record, and the exit code to pass on."""

    run: Run
    code: int


def launch(bed: Bed, order: Order) -> Ended:
    """Start the program of *order* as a run, and return how it ended.

    What it logs, it logs itself: it finds the run in its environment. Raises Invalid
    without any words.
    """
    if not order.argv:
        raise Invalid("there is nothing to run", hint="roadbed run -- python train.py")
    run = bed.runs.start(_intent(bed, order))
    pulse = Pulse(bed.database, bed.clock, run.id).begin()
    try:
        order.begun(run.id)
        status = _wait(bed, order, run.id)
    finally:
        pulse.end()
    return Ended(run=_closed(bed, run.id, status), code=_exit_code(status))


def _intent(bed: Bed, order: Order) -> Intent:
    name = order.name or _name(order.argv)
    top = code.top_of(bed.folder)
    how = order.how or recipe.of_words(order.argv, top, bed.folder)
    seen = dict(order.code or code_of(bed, name, how))
    if order.name:
        seen["named"] = True
    return Intent(
        name=name,
        actor=str(bed.actor),
        code=seen,
        environment=software(bed),
        data=tuple(
            Input(role=role, dataset=v.name, number=v.number, digest=v.digest)
            for role, v in order.data.items()
        ),
        params=order.params,
        tenant=bed.actor.tenant,
    )


def _wait(bed: Bed, order: Order, run_id: str) -> int:
    words = [*order.argv]
    if words[0] == recipe.PYTHON:
        words[0] = sys.executable
    if shutil.which(words[0]) is None and not Path(words[0]).exists():
        return NOT_FOUND
    pins = ",".join(f"{name}@{number}" for name, number in order.pins.items())
    told = {f"{PREFIX}RUN": run_id, f"{PREFIX}PINS": pins, **_line(bed)}
    child = subprocess.Popen(
        words,
        cwd=order.where or bed.folder,
        env={**environment(), **told},
        stdout=subprocess.DEVNULL if order.quiet else None,
        stderr=subprocess.DEVNULL if order.quiet else None,
    )
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # The terminal told the child too: it decides how to end.
        except BaseException:
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise


def _line(bed: Bed) -> dict[str, str]:
    """Return what leads the program to this line from any folder."""
    return {f"{PREFIX}STATE": str(bed.state)} if bed.state else {}


def _closed(bed: Bed, run_id: str, status: int) -> Run:
    """Record how the program ended, unless it did so itself."""
    told = ""
    if status == NOT_FOUND:
        told = "the program was not found"
    elif status < 0:
        told = f"killed by {signal.Signals(-status).name}"
    elif status:
        told = f"exit code {status}"
    try:
        return bed.runs.finish(run_id, "failed" if status else "finished", told)
    except Conflict:
        return bed.runs.get(run_id)


def _exit_code(status: int) -> int:
    return 128 - status if status < 0 else status


def _name(argv: Sequence[str]) -> str:
    """Return a name for what these words run: that of the script, or the program."""
    script = next((word for word in argv if word.endswith(".py")), argv[0])
    return Path(script).stem
