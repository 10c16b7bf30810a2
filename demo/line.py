"""The main job on real input: declare, train, serve, ask, trace, prove."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from steps import BIN, Steps, console

HERE = Path(__file__).parent
FOLDER = HERE.parent / "demo-run"
DEFAULT_PORT = 8321
FRESH = "../.venv/bin/roadbed key create operator"
MALIGNANT = 0
"""Which class is which: scikit-learn's set says 0 for malignant, 1 for benign."""
GIT = ("git", "-c", "user.name=Roadbed demo", "-c", "user.email=demo@localhost")


def run():
    """Run the whole line and end with a summary."""
    port = free_port(DEFAULT_PORT)
    base = f"http://127.0.0.1:{port}"
    console.print(f"{FOLDER.name}/ is made anew each time; nothing else is touched.")
    shutil.rmtree(FOLDER, ignore_errors=True)
    steps = Steps(HERE.parent, {"ROADBED_PORT": str(port)})
    key = declare(steps)
    with serving(steps, base) as server:
        facts = work(steps, base, key)
        summary(base, facts)
        linger(server, port)


def declare(steps):
    """Write a stack, log in, apply the stack, and make the application's key."""
    with steps.step("Declare: a stack is YAML in a folder meant for Git"):
        steps.run("roadbed", "init", FOLDER.name, keep=lambda lines: lines[:2])
        steps.folder = FOLDER
        token = (FOLDER / ".roadbed" / "bootstrap-token").read_text()
        steps.run("roadbed", "login", stdin=token)
        commit(steps, "Declare the first stack")
        steps.run("roadbed", "plan", keep=headlines)
        steps.run("roadbed", "apply", "--yes", keep=lambda lines: lines[-1:])
        words = ("roadbed", "key", "create", "demo-app", "-o", "json")
        secret = json.loads(steps.run(*words, keep=lambda _: []))["secret"]
        console.print("   the application's key: shown once, so not here")
        return secret


def headlines(lines):
    """Keep what a plan does to which resource; leave out the fields."""
    left_out = "  (every field: roadbed plan)"
    return [line for line in lines if line and not line.startswith(" ")] + [left_out]


@contextmanager
def serving(steps, base):
    """Start the server, wait until it is healthy, and stop it however this ends."""
    with (FOLDER / ".roadbed" / "server.log").open("w") as log:
        server = subprocess.Popen(
            [BIN / "roadbed", "up"],
            cwd=FOLDER,
            env=steps.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with steps.step("Serve: one process, one port"):
            console.print("   [green]$[/] roadbed up")
            wait_until_healthy(server, base)
            console.print(f"   serving on {base}")
        yield server
    finally:
        stop(server)


def stop(server):
    """Stop the server; a second wish to stop does not leave it behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def work(steps, base, key):
    """Train a model, serve it, ask both endpoints, trace and prove the answers."""
    train(steps)
    put_into_service(steps, base, key)
    answer = ask(steps, base, key)
    prediction = predict(steps, base, key)
    trace(steps, answer, prediction)
    verified = prove(steps, answer, prediction)
    return {"answer": answer, "prediction": prediction, "verified": verified}


def train(steps):
    """Snapshot real data, train, check parity, register."""
    with steps.step("Train: data, run and model become one chain"):
        shutil.copy(HERE / "train.py", FOLDER / "train.py")
        commit(steps, "Add the training script")
        steps.run("python", "train.py")


def put_into_service(steps, base, key):
    """Pin the new version in Git; the running server serves it within a second."""
    with steps.step("Roll out: pin the version in Git, apply, no restart"):
        shutil.copy(HERE / "endpoint.yaml", FOLDER / "endpoints" / "tumor-triage.yaml")
        commit(steps, "Serve tumor-triage@1")
        steps.run("roadbed", "apply", "--yes", keep=lambda lines: lines[-1:])
        took = wait_for(f"{base}/v2/models/tumor-triage/ready", key)
        console.print(f"   served {took:.2f} s after the command returned")


def ask(steps, base, key):
    """Ask the hosted endpoint with the real OpenAI SDK, streaming and not."""
    from openai import OpenAI  # noqa: PLC0415

    question = "What does rolling back mean, and how do I do it?"
    with steps.step("Ask: the real `openai` SDK, streaming and not"):
        client = OpenAI(base_url=f"{base}/v1", api_key=key)
        messages = [{"role": "user", "content": question}]
        stream = client.chat.completions.create(
            model="handbook", messages=messages, stream=True
        )
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
        reply = client.chat.completions.with_raw_response.create(
            model="handbook", messages=messages
        )
        whole = reply.parse().choices[0].message.content
        if text != whole:
            sys.exit("the streamed answer differs from the whole one")
        console.print(f"   [bold]{question}[/]")
        for line in shortened(whole):
            console.print(f"   {line}", markup=False)
        call = reply.headers["x-roadbed-call"]
        console.print(f"   [dim]call {call}[/]")
    return call


def shortened(text):
    """Return the lines of an answer up to its first citation, and its sources."""
    lines = text.splitlines()
    first = next((n for n, line in enumerate(lines, 1) if line.endswith("[1]")), 0)
    if not first:
        return lines
    return [*lines[:first], "…", *(line for line in lines if line.startswith("["))]


def predict(steps, base, key):
    """Ask the trained model with a real Open Inference client, binary tensors."""
    import numpy as np  # noqa: PLC0415
    import tritonclient.http as oip  # noqa: PLC0415
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415

    with steps.step("Predict: a real Open Inference client, binary tensors"):
        row = load_breast_cancer().data[:1].astype(np.float32)
        client = oip.InferenceServerClient(base.removeprefix("http://"))
        tensor = oip.InferInput("input", list(row.shape), "FP32")
        tensor.set_data_from_numpy(row)
        headers = {"Authorization": f"Bearer {key}"}
        result = client.infer("tumor-triage", [tensor], headers=headers)
        call = result.get_response()["parameters"]["roadbed_call"]
        label = result.as_numpy("label")[0]
        chances = result.as_numpy("probabilities")[0]
        console.print("   classes: 0 is malignant, 1 is benign")
        console.print(
            f"   label {label} ({'malignant' if label == MALIGNANT else 'benign'}), "
            f"probability of 0 {chances[0]:.4f}, of 1 {chances[1]:.4f}",
            markup=False,
        )
        console.print(f"   [dim]call {call}[/]")
        client.close()
    return call


def trace(steps, answer, prediction):
    """Print the chain of custody of one answer and one prediction."""
    with steps.step("Trace: why did it say that?"):
        steps.run("roadbed", "why", answer)
        console.print()
        steps.run("roadbed", "why", prediction)


def prove(steps, answer, prediction):
    """Verify the audit log, and that both calls are in it."""
    with steps.step("Prove: nothing was edited, nothing is missing"):
        words = ("roadbed", "audit", "verify", "--call", answer, "--call", prediction)
        printed = steps.run(*words)
        return "audit: verified" in printed


def summary(base, facts):
    """Say in a few lines what happened and where to look."""
    console.rule("[bold]Roadbed demo[/]")
    console.print(f"answer       {facts['answer']}")
    console.print(f"prediction   {facts['prediction']}")
    console.print("audit: verified" if facts["verified"] else "audit: NOT VERIFIED")
    console.print(f"console      {base}/console")
    console.print(f"sign in      with the key in {FOLDER.name}/.roadbed/operator.key")
    if not facts["verified"]:
        sys.exit(1)


def linger(server, port):
    """Keep serving while a person looks; stop at once where nobody does."""
    set_port = "" if port == DEFAULT_PORT else f"ROADBED_PORT={port} "
    again = f"cd {FOLDER.name} && {set_port}../.venv/bin/roadbed up"
    if not sys.stdout.isatty() or os.environ.get("CI"):
        console.print("The output is no terminal, so the server stops now.")
        console.print(f"start it     {again}", markup=False)
        return
    console.print(f"a fresh key  cd {FOLDER.name} && {FRESH}", markup=False)
    console.print("The server goes on. Press Ctrl-C to stop it.")
    try:
        server.wait()
    except KeyboardInterrupt:
        console.print("\nThe server stops.")
    console.print(f"start it     {again}", markup=False)


def commit(steps, message):
    """Commit the stack, so that the run and the plan have a commit to name."""
    if not (FOLDER / ".git").exists():
        steps.run("git", "init", "-q", show=False)
    steps.run("git", "add", "-A", show=False)
    steps.run(*GIT, "commit", "-q", "-m", message, show=False)


def wait_for(url, key):
    """Ask until *url* answers 200; return how long that took, in seconds."""
    begun = time.monotonic()
    while not answers(url, key):
        time.sleep(0.02)
        if time.monotonic() - begun > 20:
            sys.exit(f"{url} did not answer in 20 s")
    return time.monotonic() - begun


def wait_until_healthy(server, base):
    """Poll /healthz; show the server's own words if it does not start."""
    for _ in range(300):
        if answers(f"{base}/healthz", ""):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    console.print((FOLDER / ".roadbed" / "server.log").read_text(), markup=False)
    sys.exit("the server did not start")


def answers(url, key):
    """Say whether *url* answers 200."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def free_port(wanted):
    """Return *wanted*, or any free port if somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port")
