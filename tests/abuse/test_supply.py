"""What we are made of is what we chose, and nothing came with a default key."""

import re
import site
import subprocess
import sysconfig
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadbed.app import initialise, open_app
from roadbed.audit.signer import Signer
from roadbed.core.errors import Invalid, Unauthenticated
from roadbed.settings import Settings

LOCK = Path("requirements/dev.lock").read_text()
ALLOWED = {"_editable_impl_roadbed.pth", "_virtualenv.pth", "distutils-precedence.pth"}
"""Our own working copy, and what makes an environment."""


def test_nothing_in_the_environment_runs_at_every_start():
    """Case 47: no `.pth` file but those on the list, and no customisation."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    folders |= {Path(folder) for folder in site.getsitepackages()}
    found = {file.name for folder in folders for file in folder.glob("*.pth")}
    hooks = [f for d in folders for f in d.glob("*customize.py")]

    assert found <= ALLOWED
    assert hooks == []


def test_every_package_is_locked_with_its_hashes():
    """Case 47: each has a version and SHA-256 digests; none comes from an address."""
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", LOCK.strip())

    assert len(blocks) > 100
    for block in blocks:
        assert re.match(r"[a-z0-9._-]+(\[[\w, -]+\])?==[^\s;]+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]
        assert " @ " not in block and "--index" not in block and "-e " not in block
    assert "--require-hashes" in Path("Makefile").read_text()


def test_a_release_of_the_last_seven_days_is_not_taken():
    """Case 47: the job that updates the lock passes the limit, as a date."""
    said = subprocess.run(
        ["make", "-n", "lock"], check=True, capture_output=True, text=True
    ).stdout
    command = re.search(r'--exclude-newer "(\$\(.*?\))" ', said)[1]
    today = "date -u -d '7 days ago' +%Y-%m-%d"
    before, day, after = subprocess.run(
        ["bash", "-c", f"{today}; echo {command}; {today}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", day)
    assert day.startswith((before, after))


def fresh(folder):
    settings = Settings(state=folder / ".roadbed")
    token = initialise(settings).reveal()
    return settings, token


def test_two_fresh_installations_share_no_secret(tmp_path):
    """Case 23: the signing key and the first token are made anew, at random."""
    (one, token), (other, other_token) = fresh(tmp_path / "a"), fresh(tmp_path / "b")
    keys = [open_app(settings).public_key for settings in (one, other)]

    assert keys[0] != keys[1]
    assert token != other_token
    assert len(set(token)) > 8 and len(token) > 40


GUESSES = ["", "admin", "password", "roadbed", "changeme", "rbk_operator", "operator"]


@pytest.mark.parametrize("guess", GUESSES)
def test_a_fresh_installation_knows_no_key_at_all(tmp_path, guess):
    """Case 23: there is nobody to be before the first token was redeemed."""
    settings, _ = fresh(tmp_path)
    app = open_app(settings)
    with pytest.raises(Unauthenticated):
        app.authenticate(guess)
    credentials = app.gate().credentials
    app.close()

    assert not credentials


EXAMPLES = [bytes(32), b"\x01" * 32, bytes(range(32))]
RFC_8032 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


@pytest.mark.parametrize("seed", [*EXAMPLES, bytes.fromhex(RFC_8032)])
def test_a_signing_key_that_everybody_knows_keeps_the_line_from_opening(tmp_path, seed):
    """Case 23: an example key, of a standard or of zeros, refuses to start."""
    settings, _ = fresh(tmp_path)
    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = settings.state / "audit" / "signing-key.pem"
    file.write_bytes(pem)
    file.chmod(0o600)

    with pytest.raises(Invalid, match="everybody knows"):
        open_app(settings)
    with pytest.raises(Invalid):
        Signer.load_or_create(file)
