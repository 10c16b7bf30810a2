"""The example is a real case: what is worse is held back, what is as good is not."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

RUN = Path(__file__).with_name("run.py")


def outcomes(path):
    """Return what the gate said of each bar, by the name of its grader."""
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {"failure": "failed", "error": "inconclusive", "system-out": "passed"}
        found[case.get("name").split()[0]] = kinds[case[0].tag]
    return found


def test_the_gates_of_four_pull_requests_decide_as_they_should(tmp_path):
    """Play the case as a stranger would, and read the reports that it leaves."""
    done = subprocess.run(
        [sys.executable, RUN, tmp_path / "play"],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "play"
    report = (folder / "shorter-pages" / "gate.md").read_text()
    column = (folder / "one-column" / "gate.md").read_text()

    assert "answers: **failed** — handbook@2 on handbook against handbook@1" in report
    assert "| `access-keys-5` | says | 1 → 0 | `When do keys expire?` |" in report
    assert "**failed**: it is worse by 0." in report
    assert "% confidence by at least 0." in report
    assert outcomes(folder / "shorter-pages" / "gate.xml")["says"] == "failed"
    assert set(outcomes(folder / "another-sentence" / "gate.xml").values()) == {
        "passed"
    }
    assert outcomes(folder / "too-few" / "gate.xml")["says"] == "inconclusive"
    assert "diagnoses: **failed** — tumor-triage@2" in column
    assert "| `biopsy-" in column
    assert "`count: malignant told as benign`" in column
    assert "`true-positive: small`" in column
    refused, _, waived = done.stdout.partition("$ roadbed eval waive")
    assert "handbook@2 may not go into production on handbook" in refused
    assert "made handbook@2" in waived
    entries = waived.partition("$ roadbed audit list")[2]
    assert '"actor": "service-account:product-owner"' in entries
    assert '"reason": "the long pages are wrong' in entries
