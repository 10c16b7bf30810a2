"""What a run computes on, as the operating system tells it; no machine is named."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NVIDIA = Path("/proc/driver/nvidia/gpus")
_AMD = Path("/sys/class/kfd/kfd/topology/nodes")
_CPUS = Path("/proc/cpuinfo")


def observe() -> dict[str, Any]:
    """Return processors, memory in bytes, and the accelerators by their models."""
    found = {
        "cpus": os.cpu_count() or 0,
        "processor": _processor(),
        "memory": _memory(),
        "accelerators": sorted([*_nvidia(), *_amd()]),
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    for line in _lines(_CPUS):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _nvidia() -> Iterator[str]:
    for file in _NVIDIA.glob("*/information"):
        for line in _lines(file):
            name, _, value = line.partition(":")
            if name.strip() == "Model":
                yield value.strip()


def _amd() -> Iterator[str]:
    for file in _AMD.glob("*/name"):
        for line in _lines(file):
            yield line.strip()


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return []
