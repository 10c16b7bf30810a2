"""A line of its own: two versions of a hosted model, and two of 500 MB."""

import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from peers import environment

from roadbed.app import initialise, open_app
from roadbed.control.rollouts import new_rollout_id
from roadbed.gateway.release import Release
from roadbed.identity.keys import redeem_bootstrap
from roadbed.registry.runs import Intent
from roadbed.registry.versions import add_version
from roadbed.rollouts import store
from roadbed.rollouts.assignment import BUCKETS, bucket_of
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import State
from roadbed.settings import Settings

ENDPOINTS, REPLICAS = ("support", "big"), 8
MEGABYTES, WIDTH = 500, 250
PROMPTS = ("Be kind.", "Be kind and brief.")
STACK = """
apiVersion: roadbed/v1
kind: Provider
metadata: {{name: up}}
spec:
  type: openai
  config: {{base_url: "{upstream}", private: true}}
---
apiVersion: roadbed/v1
kind: Provider
metadata: {{name: here}}
spec: {{type: onnx, config: {{}}}}
---
apiVersion: roadbed/v1
kind: Model
metadata: {{name: support}}
spec:
  owner: bench
  hosted: {{provider: up, upstream: gpt-4o-2024-08-06, prompt: "{prompt}"}}
---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: support}}
spec: {{model: support@{support}{more}}}
---
apiVersion: roadbed/v1
kind: ServiceAccount
metadata: {{name: operator}}
spec:
  roles: [platform-engineer, security-admin, researcher, auditor, app]
  keys: true
---
apiVersion: roadbed/v1
kind: Model
metadata: {{name: big}}
spec: {{owner: bench, trained: {{provider: here}}}}
"""
BIG = """---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: big}}
spec: {{model: big@{big}}}
"""
OPERATOR = "service-account:operator"
CALLER = OPERATOR


class Line:
    """A line in *folder*, changed from this process as `roadbed apply` changes it."""

    def __init__(self, folder: Path, upstream: str, database: str = "") -> None:
        self.folder, self.upstream, self._database = folder, upstream, database
        self.settings = Settings(state=folder / ".roadbed", database=database)
        token = initialise(self.settings).reveal()
        self.app = open_app(self.settings)
        with self.app.database.write() as connection:
            new = redeem_bootstrap(connection, token, self.app.now_us())
        self.key = new.secret.reveal()
        self._apply(STACK, support=1, prompt=PROMPTS[0], more="")
        self._apply(STACK, support=1, prompt=PROMPTS[1], more="")
        self._big = False

    @property
    def environment(self) -> dict[str, str]:
        """What a server or a command of this line is told."""
        told = {"ROADBED_STATE": str(self.settings.state), "ROADBED_KEY": self.key}
        # As installed: with byte code, which some environments do not write.
        told["PYTHONDONTWRITEBYTECODE"] = ""
        told["PYTHONPYCACHEPREFIX"] = str(self.folder / "bytecode")
        if "rollout_look_s" in Settings.model_fields:
            told["ROADBED_ROLLOUT_LOOK_S"] = "3600"  # Nobody else moves a rollout here.
        return told | ({"ROADBED_DATABASE": self._database} if self._database else {})

    def register(self) -> None:
        """Make two trained versions of 500 MB; they differ in what they answer."""
        for number in (1, 2):
            artifact = self.app.blobs.put(model_of(float(number)))
            intent = Intent(name="big", actor=OPERATOR, code={}, environment={})
            run = self.app.runs.start(intent)
            self.app.runs.finish(run.id, "finished")
            with self.app.database.write() as connection:
                definition = trained(artifact, run.id)
                now_us = self.app.now_us()
                add_version(connection, "big", definition, OPERATOR, now_us, run.id)
        self._big = True

    def pin(self, support: int, big: int = 1, more: str = "") -> float:
        """Pin these versions; return when that was committed."""
        text = STACK + (BIG if self._big else "")
        self._apply(text, support=support, big=big, prompt=PROMPTS[1], more=more)
        return time.monotonic()

    def _apply(self, text: str, **words: Any) -> None:
        stack = self.folder / "stack"
        stack.mkdir(exist_ok=True)
        said = text.format(upstream=self.upstream, **words)
        (stack / "stack.yaml").write_text(said)
        self.app.desk.apply(self.app.desk.propose(stack), OPERATOR)

    def steps(self) -> tuple[float, float]:
        """Return two shares in percent: our caller is in the second one alone."""
        bucket = bucket_of("support", CALLER)
        return max(1, bucket // 2) / 100, (bucket + BUCKETS + 1) // 2 / 100

    def begin(self) -> None:
        """Begin a canary from the first version to the second, whatever was before."""
        now_us, low = self.app.now_us(), self.steps()
        with self.app.database.write() as connection:
            known = store.active(connection, "support")
            if known is not None:
                over = replace(
                    known.state, phase="aborted", revision=known.state.revision + 1
                )
                store.change(connection, known, over, OPERATOR, {}, now_us)
            store.begin(connection, canary(low, now_us), "a bench")

    def move(self, step: int) -> float:
        """Bring the canary to a *step*; return when that was committed."""
        with self.app.database.write() as connection:
            now = store.active(connection, "support")
            assert now is not None
            state = replace(now.state, step=step, revision=now.state.revision + 1)
            store.change(connection, now, state, OPERATOR, {}, self.app.now_us())
        return time.monotonic()

    def roll_back(self) -> tuple[float, float]:
        """Let the command go back; return its CPU seconds, and when it ended."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run("rollout", "rollback", "support", "--reason", "a bench")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return spent, time.monotonic()

    def run(self, *words: str) -> None:
        """Run a command of this line."""
        subprocess.run(
            [str(Path(sys.executable).with_name("roadbed")), *words],
            cwd=self.folder,
            env=environment(self.environment),
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def click(self, port: int) -> None:
        """Go back as a click does: by asking one of the servers to."""
        opened = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps({"reason": "a bench"})
        headers = {"authorization": f"Bearer {self.key}"}
        headers["content-type"] = "application/json"
        path = "/api/v1/endpoints/support/rollback"
        opened.request("POST", path, body, headers)
        answer = opened.getresponse()
        assert answer.status < 300, answer.read()
        opened.close()


def canary(steps: tuple[float, float], now_us: int) -> Rollout:
    """Return a canary of two steps, at the first."""
    block = {"steps": [{"percent": percent} for percent in steps]}
    release = Release.model_validate(block)
    return Rollout(
        id=new_rollout_id(),
        endpoint="support",
        tenant="default",
        declared="support@2",
        old="support@1",
        new="support@2",
        old_digest="",
        new_digest="",
        plan=plan_of(release, promises_latency=False),
        state=State(phase="canary", since_s=now_us / 1e6),
        snapshot=1,
        started_by=OPERATOR,
        started_us=now_us,
        changed_us=now_us,
        spec=release.model_dump(mode="json"),
    )


def releases(low: float, high: float) -> str:
    """Return the block of an endpoint that declares such a canary."""
    return f", rollout: {{steps: [{{percent: {low}}}, {{percent: {high}}}]}}"


def model_of(answer: float) -> Iterator[bytes]:
    """Yield an ONNX file of 500 MB that looks up rows, and answers *answer* to any."""
    import numpy as np
    from onnx import TensorProto, helper

    rows = MEGABYTES * 1_000_000 // 4 // WIDTH
    noise = np.random.default_rng(1).standard_normal((rows, WIDTH), dtype=np.float32)
    noise[:8] = answer
    kind, nodes = TensorProto.FLOAT, []
    nodes.append(helper.make_node("Cast", ["input"], ["at"], to=TensorProto.INT64))
    nodes.append(helper.make_node("Gather", ["table", "at"], ["found"]))
    nodes.append(helper.make_node("ReduceMean", ["found"], ["means"], axes=[2]))
    nodes.append(helper.make_node("Slice", ["means", "low", "high", "axis"], ["one"]))
    nodes.append(helper.make_node("Flatten", ["one"], ["variable"]))
    consts = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("low", 0), ("high", 1), ("axis", 1))
    ]
    table = helper.make_tensor("table", kind, [rows, WIDTH], noise.tobytes(), raw=True)
    graph = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info("input", kind, [None, 4])],
        [helper.make_tensor_value_info("variable", kind, [None, 1])],
        [table, *consts],
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    ).SerializeToString()
    assert len(made) >= MEGABYTES * 1_000_000
    yield made


def trained(artifact: str, run_id: str) -> dict[str, Any]:
    """Return the definition of a version with this artifact."""
    takes = {"name": "input", "datatype": "FP32", "shape": [-1, 4]}
    gives = {"name": "variable", "datatype": "FP32", "shape": [-1, 1]}
    body = {"provider": "here", "format": "onnx", "artifact": artifact, "run": run_id}
    signature = {"inputs": [takes], "outputs": [gives]}
    return {"trained": {**body, "signature": signature, "features": list("abcd")}}


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL of this bench's own, on a Unix socket; yield its address."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not tools:
        sys.exit("eight servers share a PostgreSQL, which is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="rbpg"))
    folder.chmod(0o777)
    own = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    run = own if os.geteuid() == 0 else []
    data, quiet = folder / "data", {"check": True, "stdout": subprocess.DEVNULL}
    made = [*run, tools[-1] / "initdb", "-D", data, "-U", "roadbed", "-A", "trust"]
    subprocess.run(made, **quiet)
    options = f"-k {folder} -c listen_addresses='' -c max_connections=200"
    control = [*run, tools[-1] / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "start"], **quiet)
    try:
        yield f"postgresql://roadbed@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(folder, ignore_errors=True)
