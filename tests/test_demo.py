"""The demo ends cleanly, however it is ended."""

import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def demo(tmp_path):
    """Run a copy of the demo, so that its folder is not the one of this clone."""
    shutil.copytree("demo", tmp_path / "demo")
    words = [sys.executable, tmp_path / "demo" / "run.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as running:
        yield running
        running.terminate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_demo_and_its_server(demo, number):
    served = next(line for line in demo.stdout if "serving on" in line)
    port = int(re.search(r":(\d+)", served)[1])
    demo.send_signal(number)
    said, complaints = demo.communicate(timeout=60)

    assert demo.returncode == 128 + number
    assert said.endswith("\nThe demo was stopped; nothing of it is running.\n")
    assert complaints == ""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_signal_at_the_very_start_is_one_line(demo):
    first = demo.stdout.readline()
    demo.send_signal(signal.SIGINT)
    said, complaints = demo.communicate(timeout=60)

    assert "made anew" in first
    assert said.splitlines()[-1] == "The demo was stopped; nothing of it is running."
    assert complaints == ""
