"""How the demo shows its work: numbered steps, the commands it runs, their output."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
BIN = Path(sys.executable).parent


class Steps:
    """Counts the steps and runs the commands, as a person would type them."""

    def __init__(self, folder, environment):
        self.folder = folder
        own = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
        self.environment = own | environment
        self.number = 0

    @contextmanager
    def step(self, title):
        """Show *title* with its number, and how long the block took."""
        self.number += 1
        console.print(f"\n[bold cyan]{self.number}. {title}[/]")
        begun = time.monotonic()
        yield
        console.print(f"   [dim]{time.monotonic() - begun:.1f} s[/]")

    def run(self, *words, stdin="", show=True, keep=list):
        """Run a command in the demo's folder and return what it printed.

        *keep* chooses which of those lines are shown.
        """
        if show:
            console.print(f"   [green]$[/] {' '.join(words)}")
        done = subprocess.run(
            [
                str(BIN / words[0]) if (BIN / words[0]).exists() else words[0],
                *words[1:],
            ],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            console.print(done.stdout + done.stderr, markup=False)
            console.print(f"[bold red]the demo stopped: {' '.join(words)}[/]")
            sys.exit(done.returncode)
        lines = done.stdout.rstrip().splitlines()
        for line in keep(lines):
            console.print(f"   {line}", markup=False)
        return done.stdout
