"""Keys in files of this machine."""

import stat

import pytest

from roadbed.adapters.signers.local import LocalSigners
from roadbed.core.errors import Corrupt, Invalid
from roadbed.testing.signers_contract import SignersContract, verifies


class TestLocalSigners(SignersContract):
    @pytest.fixture
    def signers(self, tmp_path):
        return LocalSigners(tmp_path / "tokens")


def test_a_key_is_a_file_that_only_its_owner_reads(tmp_path):
    kid = LocalSigners(tmp_path / "tokens").create()["kid"]
    [file] = (tmp_path / "tokens").iterdir()

    assert file.name == f"{kid}.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_another_process_on_the_same_files_signs_with_the_same_key(tmp_path):
    jwk = LocalSigners(tmp_path).create()

    assert verifies(jwk, LocalSigners(tmp_path).sign(jwk["kid"], b"data"), b"data")


def test_a_key_that_others_may_read_or_that_is_none_is_not_used(tmp_path):
    kid = LocalSigners(tmp_path).create()["kid"]
    file = tmp_path / f"{kid}.pem"
    file.chmod(0o644)
    with pytest.raises(Invalid, match="open to other users"):
        LocalSigners(tmp_path).sign(kid, b"data")
    file.write_text("nothing")
    file.chmod(0o600)

    with pytest.raises(Corrupt, match="holds no key"):
        LocalSigners(tmp_path).sign(kid, b"data")
