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
from pathlib import Path

from steps import BIN, Steps, console

HERE = Path(__file__).parent
FOLDER = HERE.parent / "demo-run"
GIT = ("git", "-c", "user.name=Roadbed demo", "-c", "user.email=demo@localhost")


def main():
    """Run the whole line and end with a summary."""
    port = free_port(8321)
    base = f"http://127.0.0.1:{port}"
    shutil.rmtree(FOLDER, ignore_errors=True)
    steps = Steps(HERE.parent, {"ROADBED_PORT": str(port)})
    key = declare(steps)
    server = serve(steps, base)
    try:
        facts = work(steps, base, key)
        summary(base, facts)
        linger(server, base)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def declare(steps):
    """Write a stack, log in, apply the stack, and make the application's key."""
    with steps.step("Declare: a stack is YAML in a folder meant for Git"):
        steps.run("roadbed", "init", FOLDER.name)
        steps.folder = FOLDER
        token = (FOLDER / ".roadbed" / "bootstrap-token").read_text()
        steps.run("roadbed", "login", stdin=token)
        commit(steps, "Declare the first stack")
        steps.run("roadbed", "plan")
        steps.run("roadbed", "apply", "--yes", last=1)
        words = ("roadbed", "key", "create", "demo-app", "-o", "json")
        return json.loads(steps.run(*words, last=0))["secret"]


def serve(steps, base):
    """Start the server and wait until it is healthy."""
    with steps.step("Serve: one process, one port"):
        console.print("   [green]$[/] roadbed up")
        log = (FOLDER / ".roadbed" / "server.log").open("w")
        server = subprocess.Popen(
            [BIN / "roadbed", "up"],
            cwd=FOLDER,
            env=steps.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        wait_until_healthy(server, base)
        console.print(f"   serving on {base}")
    return server


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
        steps.run("roadbed", "apply", "--yes")
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
        for line in whole.splitlines():
            console.print(f"   {line}", markup=False)
        call = reply.headers["x-roadbed-call"]
        console.print(f"   [dim]call {call}[/]")
    return call


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
        chances = result.as_numpy("probabilities")[0]
        console.print(
            f"   malignant {chances[0]:.4f}, benign {chances[1]:.4f}   "
            f"[dim]call {call}[/]"
        )
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
    console.print(
        f"sign in with the key in {FOLDER.name}/.roadbed/operator.key   "
        f"[dim](a fresh one: cd {FOLDER.name} && roadbed key create operator)[/]"
    )
    if not facts["verified"]:
        sys.exit(1)


def linger(server, base):
    """Keep serving while a person looks; stop at once where nobody does."""
    if not sys.stdout.isatty() or os.environ.get("CI"):
        console.print(
            f"The server stops now. Start it again: cd {FOLDER.name} && "
            "../.venv/bin/roadbed up"
        )
        return
    console.print("The server goes on. Press Ctrl-C to stop it.")
    try:
        server.wait()
    except KeyboardInterrupt:
        console.print("stopping")


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


if __name__ == "__main__":
    main()
