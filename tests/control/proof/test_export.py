"""What is exported is verified by who has the file and a key, and nothing else."""

import hashlib
import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.adapters.signers.local import LocalSigners
from roadbed.audit.signer import Signer
from roadbed.control.proof.export import export_of
from roadbed.control.proof.offline import read_keys, verify_bundle
from roadbed.core.errors import Conflict, Invalid
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata
from roadbed.registry.proof.bundle import read_bundle
from roadbed.registry.proof.envelope import Envelope, from_pem, public_key, to_pem
from tests.conftest import import_tables
from tests.control.proof.test_verify import CHILD, Sealing


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room with a version that goes on from another one."""
    import_tables()
    folder = tmp_path_factory.mktemp("room")
    database = open_database(f"sqlite:///{folder / 'control.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    made = Sealing(database, folder)
    made.go_on()
    yield made
    database.close()


@pytest.fixture(scope="module")
def export(room):
    return export_of(room.prover, CHILD)


@pytest.fixture(scope="module")
def keys(room, export):
    signer = Signer.load_or_create(room.folder / "audit" / "key.pem")
    return export.key(signer.public_key)


@pytest.fixture(scope="module")
def bundle(room, export):
    file = room.folder / "triage.bundle"
    export.bundle(file)
    return file


def test_a_bundle_is_verified_offline_to_its_parents(bundle, keys):
    found = verify_bundle(read_bundle(bundle), read_keys(keys))

    open_ends = [x for x in found.links if x.state != "VERIFIED"]
    # The commit is in no bundle, and neither is the data.
    assert {(x.kind, x.state) for x in open_ends} == {
        ("Material", "UNSEALED"),
        ("Data", "UNSEALED"),
    }
    assert {"triage@2", "triage@1"} <= {x.name for x in found.links}
    assert {"Audit entry", "Artifact", "Manifest"} <= {x.kind for x in found.links}


def test_without_the_key_of_the_log_only_that_hop_is_open(bundle, keys):
    pem = keys[: keys.rindex("-----") + 5]
    found = verify_bundle(read_bundle(bundle), read_keys(pem))

    entries = [x for x in found.links if x.kind == "Audit entry"]
    assert {x.state for x in entries} == {"UNSEALED"}
    assert not found.broken


def test_another_key_believes_nothing(bundle, keys, tmp_path):
    other = to_pem(public_key(LocalSigners(tmp_path).create()))
    found = verify_bundle(read_bundle(bundle), read_keys(other))

    [statement] = [x for x in found.links if x.kind == "Statement"]
    assert (statement.state, found.state) == ("BROKEN", "BROKEN")


def members(file):
    with tarfile.open(file) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar]


def rewritten(file, target, change):
    with tarfile.open(target, "w") as tar:
        for name, data in members(file):
            data = change(name, data)
            if data is not None:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return target


def test_one_flipped_byte_in_any_file_of_a_bundle_is_named(bundle, keys, tmp_path):
    for name, _ in members(bundle):
        if name == "bundle.json":
            continue

        def flip(other, data, name=name):
            return bytes([data[0] ^ 1]) + data[1:] if other == name else data

        forged = rewritten(bundle, tmp_path / "forged", flip)
        found = verify_bundle(read_bundle(forged), read_keys(keys))
        assert found.broken, name


def test_a_definition_that_was_edited_in_a_bundle_is_named(bundle, keys, tmp_path):
    def edit(name, data):
        return data.replace(b'"format":"onnx"', b'"format":"other"')

    forged = rewritten(bundle, tmp_path / "forged", edit)
    found = verify_bundle(read_bundle(forged), read_keys(keys))

    assert found.broken
    [reason] = [x.reason for x in found.links if x.state == "BROKEN"]
    assert "its subjects are not the artifacts of the version" in reason


def test_what_was_taken_out_of_a_bundle_is_not_verified(bundle, keys, tmp_path):
    def drop(name, data):
        return None if name.startswith("blobs/") else data

    cut = rewritten(bundle, tmp_path / "cut", drop)
    assert verify_bundle(read_bundle(cut), read_keys(keys)).broken


@settings(max_examples=40)
@given(st.binary(max_size=2000))
def test_what_is_no_bundle_is_refused_in_words(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "noise"
    file.write_bytes(data)

    with pytest.raises(Invalid, match="no bundle"):
        read_bundle(file)


def test_a_link_in_a_bundle_is_refused(bundle, tmp_path):
    file = tmp_path / "linked"
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo("bundle.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)

    with pytest.raises(Invalid, match="no bundle"):
        read_bundle(file)


def test_a_signed_folder_holds_the_files_and_their_digests(export, keys, tmp_path):
    signature = export.signed(tmp_path / "triage")

    found = json.loads(signature.read_text())
    envelope = Envelope.read(json.dumps(found["dsseEnvelope"]).encode())
    pem = keys[: keys.rindex("-----") + 6]
    assert envelope.signed_by(from_pem(pem))
    listed = envelope.statement["predicate"]["resources"]
    assert [item["name"] for item in listed] == ["definition.json", "model.onnx"]
    for item in listed:
        data = (tmp_path / "triage" / item["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == item["digest"]
    with pytest.raises(Conflict):
        export.signed(tmp_path / "triage")


def test_a_bill_of_materials_names_data_parents_and_card(export):
    bom = export.bom()

    model = bom["metadata"]["component"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "triage")
    assert {c["bom-ref"] for c in bom["components"]} >= {
        *("dataset:tumors@1", "model:triage@1")
    }
    assert model["modelCard"]["modelParameters"]["datasets"] == [
        {"ref": "dataset:tumors@1"}
    ]
    assert bom == export.bom()


def test_keys_are_given_in_words_that_one_understands():
    with pytest.raises(Invalid, match="no public key"):
        read_keys("")
