"""`roadbed loadtest` against a real server."""

import json

import pytest

from roadbed.core.errors import Invalid
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.terms import Latency
from roadbed.loadtest.judge import Sample
from roadbed.loadtest.profile import Profile, Step
from roadbed.loadtest.report import Report
from roadbed.loadtest.search import measure
from roadbed.loadtest.subject import subject_of
from tests.acceptance.line import Line


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    line = Line(tmp_path_factory.mktemp("load")).start_stack().up()
    line.environment["ROADBED_KEY"] = line.key("operator")
    yield line
    line.stop()


def promise(line, latency):
    """Let the endpoint `handbook` promise *latency*."""
    for path in line.folder.rglob("*.yaml"):
        documents = path.read_text().split("\n---\n")
        changed = [_with(d, latency) if _is_endpoint(d) else d for d in documents]
        path.write_text("\n---\n".join(changed))
    line.run("apply", "--yes")


def _is_endpoint(text):
    return "kind: Endpoint" in text and "name: handbook" in text


def _with(text, latency):
    kept = [t for t in text.rstrip().split("\n") if "latency:" not in t]
    return "\n".join([*kept, f"  latency: {latency}", ""])


def test_promises_are_kept_broken_or_not_to_be_told(line, tmp_path):
    """Exit codes 0, 3 and 6, so that CI can gate on it."""
    file = tmp_path / "report.html"
    keen = ("loadtest", "handbook", "--calls", "70", "--rate", "60", "--yes")
    promise(line, "{p95_ms: 5000, first_token_p95_ms: 5000, calls_per_second: 60}")

    said = line.run(*keen, "--report", str(file))

    assert "keeps what it promises" in said
    page = file.read_text()
    assert "<svg" in page and "handbook" in page and "<script" not in page

    promise(line, "{p50_ms: 1, p95_ms: 2, p99_ms: 5000, calls_per_second: 60}")
    told = line.run(*keen, "-o", "json", code=3)
    report = json.loads(told[: told.rindex("}") + 1])

    verdicts = {p["name"]: p["verdict"] for p in report["steps"][0]["promises"]}
    assert verdicts == {"p50": "broken", "p95": "broken", "p99": "inconclusive"}
    assert (report["outcome"], report["breaks_at"]) == ("broken", 60)

    promise(line, "{p99_ms: 5000, calls_per_second: 60}")
    few = line.run(*keen, code=6)

    assert "--calls 299" in few


def test_nothing_is_asked_of_an_endpoint_that_is_not_there(line):
    assert "no Endpoint 'nothing'" in line.run("loadtest", "nothing", code=1)


def test_our_own_model_is_asked_with_random_rows():
    inputs = [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}]
    body = {"provider": "local", "signature": {"inputs": inputs}}
    version = ModelVersion(
        model="tumor", number=2, digest="", definition={"trained": body}
    )

    subject = subject_of("tumor", {"deadline_ms": 900}, version, Profile())
    one, two = (json.loads(b)["inputs"][0] for b in subject.bodies(2))

    assert (subject.path, subject.stream) == ("/v2/models/tumor/infer", False)
    assert (one["shape"], len(one["data"])) == ([1, 3], 3)
    assert one["data"] != two["data"]


def test_rows_of_texts_are_not_made_up():
    inputs = [{"name": "x", "datatype": "BYTES", "shape": [-1, 1]}]
    body = {"provider": "local", "signature": {"inputs": inputs}}
    version = ModelVersion(model="m", number=1, digest="", definition={"trained": body})

    with pytest.raises(Invalid, match="no rows can be made up"):
        subject_of("m", {"deadline_ms": 900}, version, Profile())


def test_a_report_without_any_answer_is_still_a_page():
    failed = [Sample(due_s=0.0, error="connection")] * 20
    step = measure(lambda _: failed, Step(rate=1.0, calls=20), Latency(p95_ms=9))
    report = Report(
        endpoint="<e>",
        model="m@1",
        when="now",
        latency=Latency(p95_ms=9),
        stream=True,
        steps=[step],
    )

    page = report.html()

    assert "&lt;e&gt;" in page and "20 connection" in page and "never" in page
