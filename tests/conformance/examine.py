"""Run suites, and sort what came out."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from roadbed.testing.upstream import Upstream
from tests.conformance.front import Front
from tests.conformance.suites import CONFTEST, GUESTS_INI, INI
from tests.control.stacks import OPERATOR, resource
from tests.served_line import serving

MADE = {"openai": "OpenAI", "anthropic": "Anthropic"}
PATHS = {"openai": "/v1", "anthropic": "", "gemini": ""}
"""The endpoints that are served, each with an upstream of the provider it names."""
PATIENCE_S = 1_500
_TOO_LONG = f"""<testcase classname="all" name="did not end within {PATIENCE_S} s">
<failure/></testcase>"""


@dataclass
class Score:
    """How a suite went: `excluded` counts by reason, `wrong` names what failed.

    `gap` says why it was not run, `absent` why it could not be.
    """

    name: str
    passed: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    gap: str = ""
    absent: str = ""

    @property
    def verdict(self):
        if self.absent:
            return "not ours"
        return "gap" if self.gap else "fail" if self.wrong else "pass"

    def exclude(self, reason):
        self.excluded[reason] = self.excluded.get(reason, 0) + 1


class Served(NamedTuple):
    """What is examined: its address and key, and the layer that takes any model."""

    url: str
    key: str
    front: str


def endpoints_of(name, path, upstream):
    config = f"base_url: {upstream.origin}{path}\n  private: true"
    hosted = f"owner: team\nhosted:\n  provider: {name}\n  upstream: example-2026-01-01"
    return [
        resource("Provider", name, f"type: {name}\nconfig:\n  {config}"),
        resource("Model", name, hosted),
        resource("Endpoint", f"by-{name}", f"model: {name}@1\nstage: development"),
    ]


@contextmanager
def examined(folder):
    """Serve what is examined."""

    def endpoint_of(path):
        return "by-anthropic" if path.startswith("/v1/messages") else "by-openai"

    with Upstream() as upstream:
        made = (endpoints_of(name, path, upstream) for name, path in PATHS.items())
        texts = [text for texts in made for text in texts]
        with (
            serving(folder, OPERATOR, *texts) as line,
            Front(line.url, line.key, endpoint_of) as front,
        ):
            yield Served(line.url, line.key, front.url)


def examine(suite, sources, served):
    """Return how *suite* went, of the *sources* of its client."""
    base = f"{served.front}/v1" if suite.package == "openai" else served.front
    text = CONFTEST.format(package=suite.package, made=MADE[suite.package])
    (sources / "tests" / "conftest.py").write_text(text)
    (sources / "ours.ini").write_text(INI)
    words = ["-c", "ours.ini", suite.path]
    cases = _pytest(sys.executable, words, sources, {"TEST_API_BASE_URL": base})
    return sort(suite.name, cases, suite.excluded)


def guest(name, file, python, folder, served):
    """Return how the client of others went that *python* has, and *file* examines."""
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "guests" / file, folder)
    (folder / "ours.ini").write_text(GUESTS_INI)
    told = {
        "EXAMINED_URL": f"{served.url}/v1",
        "EXAMINED_KEY": served.key,
        "EXAMINED_ENDPOINTS": " ".join(f"by-{name}" for name in PATHS),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LANGSMITH_TRACING": "false",
    }
    return sort(name, _pytest(python, ["-c", "ours.ini", file], folder, told), {})


def ours(name, files):
    """Return how tests of ours went."""
    return sort(name, _pytest(sys.executable, files, Path.cwd(), {}), {})


def _pytest(python, words, folder, environment):
    report = folder / "conformance.xml"
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    try:
        subprocess.run(
            [*command, f"--junitxml={report}", *words],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return [ET.fromstring(_TOO_LONG)]
    if not report.exists():
        return []
    try:
        return list(ET.parse(report).iter("testcase"))
    finally:
        report.unlink()


def sort(name, cases, excluded):
    """Return the score of *cases*, elements of JUnit's XML."""
    score = Score(name)
    for case in cases:
        failed = case.find("failure") is not None or case.find("error") is not None
        reasons = [why for part, why in excluded.items() if part in case.get("name")]
        skipped = case.find("skipped")
        if skipped is not None:
            score.exclude(f"skips itself: {skipped.get('message')}")
        elif not failed:
            score.passed += 1
        elif reasons:
            score.exclude(reasons[0])
        else:
            score.wrong.append(f"{case.get('classname')}.{case.get('name')}")
    if not cases:
        score.wrong.append("no test was found")
    return score
