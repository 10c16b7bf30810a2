"""The example is a real case: it measures a real fall, and names its cause first."""

import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_the_data_is_named_first_and_the_repair_is_one_command():
    """Play the case as a stranger would, and hold it to what it promises."""
    done = subprocess.run(
        [sys.executable, RUN], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = re.search(
        r"measured: ([\d.]+)% in January, ([\d.]+)% in July, ([\d.]+)%", done.stdout
    )
    january, july, mended = map(float, measured.groups())

    assert 6 < january - july < 10
    assert abs(mended - january) < 1
    assert "named first: data, tumors@1 → tumors@2" in done.stdout
    assert "large enough to account for all of the effect" in done.stdout
    assert "bit-equal: all metrics and artifacts are the same" in done.stdout
    assert "tumor-triage@2              done     tumor-triage@3" in done.stdout
