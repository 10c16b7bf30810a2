"""People at the command line: the device flow against a real identity provider."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.line import BIN
from tests.company import company
from tests.idp import ADA, GRACE, Browser, approve_device

RING = "tests.cli.ring.FileKeyring"


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A line with its company, nobody logged in but the operator."""
    with company(tmp_path_factory.mktemp("people"), id_token_seconds=120) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_is_left_logged_in(line):
    yield
    (line.folder / ".roadbed" / "person.json").unlink(missing_ok=True)


class Login:
    """`roadbed login` as it waits, with what it has printed."""

    def __init__(self, line, *words, **more):
        self.process = subprocess.Popen(
            [BIN / "roadbed", "login", *words],
            cwd=line.folder,
            env=line.environment | {"PYTHONUNBUFFERED": "1"} | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Whoever starts the tests in the background has told them to ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.text = ""

    def address(self):
        """Return the address with the code in it, once it is printed."""
        while "with the code in it" not in self.text:
            read = self.process.stdout.readline()
            assert read, self.text
            self.text += read
        return re.search(r"code in it: (\S+)", self.text)[1]

    def end(self):
        """Wait until it ends; return its exit code."""
        self.text += self.process.communicate(timeout=60)[0]
        return self.process.returncode


def log_in(line, *words, sub=ADA["sub"], **more):
    login = Login(line, *words, **more)
    approve_device(Browser(), login.address(), sub)
    assert login.end() == 0, login.text
    return login.text


def kept(line):
    return line.folder / ".roadbed" / "person.json"


def test_a_person_logs_in_with_a_code_and_acts_as_themselves(line):
    text = log_in(line)
    told = line.json("whoami")

    assert told["principal"] == f"user:{line.idp.issuer}#2489"
    assert f"logged in as {told['principal']} (Ada)" in text
    assert told["roles"] == ["platform-engineer", "security-admin"]
    assert told["groups"] == ["company/eng"]
    assert told["fresh_until"]
    assert "privileged acts: 20" in line.run("whoami")


def test_what_a_person_does_is_on_the_log_under_their_name(line):
    log_in(line, "--provider", "company")
    line.json("key", "create", "demo-app")

    rows = line.json("audit", "list")["entries"]
    done = {(row["actor"], row["action"]) for row in rows}
    ada = f"user:{line.idp.issuer}#2489"
    assert {(ada, "session.open"), (ada, "key.create")} <= done
    key = (line.folder / ".roadbed" / "operator.key").read_text().strip()
    line.run("audit", "verify", ROADBED_KEY=key)


def test_without_a_keyring_the_tokens_are_in_a_file_for_their_owner_only(line):
    log_in(line)

    assert kept(line).stat().st_mode & 0o777 == 0o600
    assert json.loads(kept(line).read_text())["where"] == "file"


def test_with_a_keyring_no_token_is_in_a_file(line, tmp_path):
    ring = {
        "PYTHON_KEYRING_BACKEND": RING,
        "ROADBED_TEST_RING": str(tmp_path / "ring"),
        "PYTHONPATH": str(Path.cwd()),
    }
    ring["TEST_RING"] = ring.pop("ROADBED_TEST_RING")
    text = log_in(line, **ring)

    assert "kept in the keyring" in text
    assert json.loads(kept(line).read_text()) == {
        "provider": "company",
        "where": "keyring",
    }
    assert "Ada" in line.run("whoami", **ring)
    line.run("logout", **ring)
    assert "id_token" not in (tmp_path / "ring").read_text()


def test_an_id_token_that_ran_out_is_renewed_and_the_token_rotates(line):
    log_in(line)
    told = json.loads(kept(line).read_text())
    tokens = json.loads(told["tokens"])
    told["tokens"] = json.dumps(tokens | {"id_token": expired(tokens["id_token"])})
    kept(line).write_text(json.dumps(told))
    line.run("whoami")

    new = json.loads(json.loads(kept(line).read_text())["tokens"])
    assert new["id_token"] not in (tokens["id_token"], expired(tokens["id_token"]))
    assert new["refresh_token"] != tokens["refresh_token"]


def expired(token):
    """Return *token* saying that it ended long ago, which nobody signed."""
    import base64  # noqa: PLC0415

    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    text = json.dumps(said | {"exp": said["iat"]}).encode()
    return (
        f"{header}.{base64.urlsafe_b64encode(text).rstrip(b'=').decode()}.{signature}"
    )


def test_who_holds_no_role_is_told_what_it_takes(line):
    text = log_in(line, sub=GRACE["sub"])

    assert "it takes a Binding for user:company/3107" in text
    assert "may not do stack.plan" in line.run("plan", code=4)


def test_logout_ends_it_and_tells_the_provider(line):
    log_in(line)
    old = json.loads(kept(line).read_text())
    text = line.run("logout")
    kept(line).write_text(json.dumps(old))
    kept(line).chmod(0o600)
    tokens = json.loads(old["tokens"])
    old["tokens"] = json.dumps(tokens | {"id_token": expired(tokens["id_token"])})
    kept(line).write_text(json.dumps(old))

    assert "logged out of company\n" in text
    assert "operator.key is there still" in text
    assert "no longer vouches" in line.run("whoami", code=4)


def test_a_key_in_the_environment_goes_before_the_person(line):
    log_in(line)
    key = (line.folder / ".roadbed" / "operator.key").read_text().strip()

    told = line.run("whoami", ROADBED_KEY=key)
    assert told.startswith("service-account:operator")


def test_ctrl_c_while_waiting_ends_cleanly(line):
    login = Login(line)
    login.address()
    time.sleep(0.2)
    os.kill(login.process.pid, signal.SIGINT)

    assert login.end() == 130
    assert "given up: nobody is logged in" in login.text
    assert "Traceback" not in login.text
    assert not kept(line).exists()


def test_a_provider_that_is_not_declared_is_not_asked(line):
    assert "declared: company" in line.run("login", "--provider", "elsewhere", code=1)
