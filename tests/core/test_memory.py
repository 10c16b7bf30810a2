"""How much memory is free: the least of what the machine, groups and limits leave."""

import subprocess
import sys

import pytest

from roadbed.core.memory import available

MEMINFO = "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable: 4000 kB\n"


@pytest.fixture
def root(tmp_path):
    """A system with 4,096,000 bytes free."""
    for name, text in (("meminfo", MEMINFO), ("self/cgroup", "0::/pods/ours\n")):
        file = tmp_path / "proc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def limit(root, group, most, used, stat=""):
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(stat)


def test_a_machine_without_groups_says_what_it_has(root):
    assert available(root) == 4_096_000


@pytest.mark.parametrize("group", ["pods/ours", "pods", ""])
def test_any_group_above_may_be_the_narrowest(root, group):
    limit(root, "pods/ours", "max", 70)
    limit(root, group, 1_000_000, 900_000, "anon 5\ninactive_file 300\nactive_file 7")

    assert available(root) == 100_307


def test_more_in_use_than_allowed_leaves_nothing(root):
    limit(root, "pods/ours", 1_000, 2_000)

    assert available(root) == 0


def test_where_nothing_is_known_nothing_is_said(tmp_path):
    assert available(tmp_path) is None


def test_a_limit_of_this_process_counts_too():
    program = (
        "import resource; from roadbed.core.memory import available;"
        "resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); print(available())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert 2**28 < int(told.stdout) < 2**29
