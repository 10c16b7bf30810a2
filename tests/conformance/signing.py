"""Let the official verifiers judge what is exported: OpenSSF's, and CycloneDX's.

They are installed into a folder of their own for the length of a run: neither is a
dependency of ours. `model-signing` does not declare pyOpenSSL, which it imports.
"""

import json
import subprocess
import sys
import venv

from roadbed.control.proof.export import export_of
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata
from tests.conformance.examine import Score
from tests.conftest import import_tables
from tests.control.proof.test_verify import CHILD, Sealing

NAME = "model_signing and CycloneDX, what we export"
PACKAGES = (
    "model-signing>=1.1,<2",
    "pyOpenSSL",
    "cyclonedx-python-lib[json-validation]>=11,<12",
)
PATIENCE_S = 600
STRICT = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(wrong) if wrong else 0)
"""


def verified(folder):
    """Return how the verifiers judge; a gap if they cannot be had."""
    tools = folder / "verifiers"
    venv.create(tools, with_pip=True)
    words = [tools / "bin" / "pip", "install", "-q", *PACKAGES]
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        return Score(NAME, gap="the verifiers could not be installed")
    bom = exported(folder)
    score = Score(NAME)
    for what, passed in (
        ("a signed folder is verified", _verifies(tools, folder) == 0),
        ("a flipped byte is not", _flipped(tools, folder) != 0),
        ("the bill of materials is CycloneDX 1.6", _is_cyclonedx(tools, bom)),
    ):
        if passed:
            score.passed += 1
        else:
            score.wrong.append(what)
    return score


def exported(folder):
    """Write a signed folder and its key; return the bill of materials."""
    import_tables()
    database = open_database(f"sqlite:///{folder / 'signing.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    room = Sealing(database, folder / "room")
    room.go_on()
    export = export_of(room.prover, CHILD)
    export.signed(folder / "triage")
    (folder / "key.pem").write_text(export.key("").rstrip() + "\n")
    database.close()
    return json.dumps(export.bom())


def _verifies(tools, folder):
    words = ["verify", "key", "--signature", "triage.sig", "--public_key", "key.pem"]
    command = [tools / "bin" / "model_signing", *words, "triage"]
    return _run(command, cwd=folder)


def _flipped(tools, folder):
    file = folder / "triage" / "model.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    return _verifies(tools, folder)


def _is_cyclonedx(tools, bom):
    return _run([tools / "bin" / "python", "-c", STRICT], input=bom.encode()) == 0


def _run(command, **more):
    done = subprocess.run(
        command, capture_output=True, timeout=120, check=False, **more
    )
    sys.stderr.write(done.stderr.decode(errors="replace") if done.returncode else "")
    return done.returncode
