"""Run suites, and sort what came out."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from roadbed.testing.upstream import Upstream
from tests.conformance.front import Front
from tests.conformance.suites import CONFTEST
from tests.control.stacks import OPERATOR, resource
from tests.served_line import serving

MADE = {"openai": "OpenAI", "anthropic": "Anthropic"}
PATIENCE_S = 400


@dataclass
class Score:
    """How a suite went. `wrong` are failures that nobody expected."""

    name: str
    passed: int = 0
    skipped: int = 0
    expected: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    gap: str = ""


def endpoints_of(name, path, upstream):
    config = f"base_url: {upstream.origin}{path}\n  private: true"
    hosted = f"owner: team\nhosted:\n  provider: {name}\n  upstream: example-2026-01-01"
    return [
        resource("Provider", name, f"type: {name}\nconfig:\n  {config}"),
        resource("Model", name, hosted),
        resource("Endpoint", name, f"model: {name}@1\nstage: development"),
    ]


@contextmanager
def examined(folder):
    """Serve what is examined; give the address of the layer before it."""
    with Upstream() as upstream:
        texts = endpoints_of("openai", "/v1", upstream)
        if find_spec("roadbed.adapters.providers.anthropic"):
            texts += endpoints_of("anthropic", "", upstream)

        def endpoint_of(path):
            return "anthropic" if path.startswith("/v1/messages") else "openai"

        with (
            serving(folder, OPERATOR, *texts) as line,
            Front(line.url, line.key, endpoint_of) as front,
        ):
            yield front.url


def examine(suite, sources, url):
    """Return how *suite* went, of the *sources* of its client."""
    base = f"{url}/v1" if suite.package == "openai" else url
    text = CONFTEST.format(package=suite.package, made=MADE[suite.package])
    (sources / "tests" / "conftest.py").write_text(text)
    (sources / "ours.ini").write_text("[pytest]\n")
    words = ["-c", "ours.ini", "-k", "not Async", *suite.files]
    cases = _pytest(words, sources, {"TEST_API_BASE_URL": base})
    return sort(suite.name, cases, suite.excluded)


def ours(name, files):
    """Return how tests of ours went; a gap if they are not here yet."""
    here = [file for file in files if Path(file).exists()]
    if not here:
        return Score(name, gap=f"{files[0]} is not here yet")
    return sort(name, _pytest(here, Path.cwd(), {}), {})


def _pytest(words, folder, environment):
    report = folder / "conformance.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, f"--junitxml={report}", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    try:
        return list(ET.parse(report).iter("testcase"))
    finally:
        report.unlink(missing_ok=True)


def sort(name, cases, excluded):
    """Return the score of *cases*, elements of JUnit's XML."""
    score = Score(name)
    for case in cases:
        failed = case.find("failure") is not None or case.find("error") is not None
        reasons = [why for part, why in excluded.items() if part in case.get("name")]
        if case.find("skipped") is not None:
            score.skipped += 1
        elif not failed:
            score.passed += 1
        elif reasons:
            score.expected[reasons[0]] = score.expected.get(reasons[0], 0) + 1
        else:
            score.wrong.append(case.get("name"))
    if not cases:
        score.wrong.append("no test was found")
    return score
