"""The signing key: made once, private, the same for everyone who asks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from roadbed.audit.note import read_note, read_verifier
from roadbed.audit.signer import Signer
from roadbed.core.errors import Corrupt, Invalid


def test_a_key_is_made_once_and_is_private(tmp_path):
    path = tmp_path / "keys" / "audit.key"
    first, second = Signer.load_or_create(path), Signer.load_or_create(path)

    assert first.public_key == second.public_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert (path.parent / "audit.key.pub").read_text().strip() == first.public_key
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_all_who_start_together_agree_on_one_key(tmp_path):
    path = tmp_path / "audit.key"
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(Signer.load_or_create, [path] * 16))

    assert len({signer.public_key for signer in signers}) == 1


def test_a_signature_is_true_for_the_public_key(signer):
    note = read_note(signer.sign("hello\n"))

    assert note.signed_by(read_verifier(signer.public_key))
    assert signer.public_key.startswith(signer.origin + "+")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "audit.key"
    Signer.load_or_create(path)
    path.chmod(0o644)

    with pytest.raises(Invalid, match="open to other users"):
        Signer.load_or_create(path)


def test_a_file_that_is_no_key_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "audit.key"
    path.write_text("not a key")
    path.chmod(0o600)

    with pytest.raises(Corrupt, match="holds no Ed25519 key"):
        Signer.load_or_create(path)
    assert path.read_text() == "not a key"


def test_the_private_key_is_never_shown(signer, tmp_path):
    secret = (tmp_path / "keys" / "audit.key").read_text().splitlines()[1]

    assert secret not in repr(signer)
    assert secret not in str(vars(signer))
