"""A version too large for the memory that is left never stops what is served."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from roadbed.app import initialise, open_app
from roadbed.identity.keys import redeem_bootstrap
from roadbed.registry.runs import Intent
from roadbed.registry.versions import add_version
from roadbed.settings import Settings
from tests.control.stacks import resource, write

OPERATOR = "service-account:operator"
ROLES = (
    "{roles: [platform-engineer, security-admin, researcher, auditor, app], keys: true}"
)
MODELS = {"big": "here", "wild": "blind"}
SPEC = {"datatype": "FP32", "shape": [-1, 2]}
ASKED = {"inputs": [{**SPEC, "name": "input", "shape": [1, 2], "data": [1, 2]}]}


def model(offset, megabytes):
    """Return an ONNX file that adds *offset*, and carries so much to do it with."""
    carried = np.full((megabytes * 125_000 + 1, 2), offset, np.float32)
    value, shape = TensorProto.FLOAT, [None, 2]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["all", "first"], ["one"]),
            helper.make_node("Add", ["input", "one"], ["out"]),
        ],
        "g",
        [helper.make_tensor_value_info("input", value, shape)],
        [helper.make_tensor_value_info("out", value, shape)],
        [
            helper.make_tensor(
                "all", value, carried.shape, carried.tobytes(), raw=True
            ),
            helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return made.SerializeToString()


class Line:
    """A line with two models, both with a small version and one of 110 MB.

    The provider of `wild` does not ask how much memory there is.
    """

    def __init__(self, folder):
        self.folder = folder
        self.app = open_app(Settings(state=folder / ".roadbed"))
        self.pin(None)
        small, large = (self.app.blobs.put([model(*m)]) for m in ((1.0, 0), (2.0, 110)))
        for name, provider in MODELS.items():
            self.register(name, provider, small)
            self.register(name, provider, large)

    def pin(self, number):
        texts = [
            resource("ServiceAccount", "operator", ROLES),
            resource("Provider", "here", "type: onnx"),
            resource("Provider", "blind", "type: onnx\nconfig: {check_memory: false}"),
        ]
        for name, provider in MODELS.items():
            told = f"owner: us\ntrained: {{provider: {provider}}}"
            texts.append(resource("Model", name, told))
            if number:
                texts.append(resource("Endpoint", name, f"model: {name}@{number}"))
        stack = write(self.folder / "stack", stack="---\n".join(texts))
        self.app.desk.apply(self.app.desk.propose(stack), OPERATOR)

    def register(self, name, provider, artifact):
        app = self.app
        run = app.runs.start(Intent(name="t", actor=OPERATOR, code={}, environment={}))
        app.runs.finish(run.id, "finished")
        signature = {
            "inputs": [{**SPEC, "name": "input"}],
            "outputs": [{**SPEC, "name": "out"}],
        }
        body = {"provider": provider, "format": "onnx", "signature": signature}
        body |= {"artifact": artifact, "run": run.id}
        with app.database.write() as connection:
            definition = {"trained": body}
            add_version(connection, name, definition, OPERATOR, app.now_us(), run.id)


class Narrow:
    """A server of its own process, which may take *megabytes* more."""

    def __init__(self, line, key, megabytes):
        self.key = key
        program = Path(__file__).with_name("narrow.py")
        self.process = subprocess.Popen(
            [sys.executable, program, line.app.settings.state, str(megabytes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        told = self.process.stdout.readline()
        self.url = told.split(",")[0].removeprefix("serving on ")

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def answers(self):
        paths = [f"/v2/models/{name}/infer" for name in MODELS]
        return [self.ask(path, ASKED)["outputs"][0]["data"] for path in paths]

    def broken(self):
        found = self.ask("/api/v1/snapshot")["broken"]
        return found if found.keys() == MODELS.keys() else None

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0


def eventually(look):
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_versions_too_large_leave_the_ones_before(tmp_path):
    token = initialise(Settings(state=tmp_path / ".roadbed")).reveal()
    line = Line(tmp_path)
    with line.app.database.write() as connection:
        key = redeem_bootstrap(connection, token, line.app.now_us()).secret.reveal()
    line.pin(1)
    server = Narrow(line, key, 170)
    try:
        before = server.answers()
        line.pin(2)
        broken = eventually(server.broken)
        after = server.answers()
        ready = server.ask("/v2/health/ready")
        alerts = server.ask("/api/v1/alerts")
    finally:
        server.stop()
        line.app.close()

    assert before == after == [[2.0, 3.0]] * 2
    assert "big@2 was not loaded: loading it takes up to 220 MB, and" in broken["big"]
    assert "give the server more memory" in broken["big"]
    assert "wild@2 was not loaded: there was not enough memory" in broken["wild"]
    assert ready == {"ready": True}
    assert "serving.broken" in str(alerts)
