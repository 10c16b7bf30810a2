"""Which software is running: Python, the platform, and every distribution."""

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from typing import Any

from roadbed.core.digest import digest
from roadbed.workbench import hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a run's results may depend on, without a trace of the machine's name.

    `lock` lists every installed distribution with its version, one on a line.
    """

    python: str
    implementation: str
    platform: str
    lock: bytes
    hardware: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return it as plain JSON; the lock by its digest."""
        return {
            "python": self.python,
            "implementation": self.implementation,
            "platform": self.platform,
            "distributions": self.lock.count(b"\n"),
            "lock": digest(self.lock),
            "hardware": dict(self.hardware),
        }


def observe() -> Environment:
    """Return the environment of this process."""
    installed = {
        f"{_normal(name)}=={found.version}"
        for found in distributions()
        if (name := found.metadata["Name"])
    }
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=f"{sys.platform}-{platform.machine()}",
        lock="".join(f"{line}\n" for line in sorted(installed)).encode(),
        hardware=hardware.observe(),
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
