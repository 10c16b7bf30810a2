"""Secrets in files that age has encrypted, decrypted by the real library."""

import pyrage
import pytest

from roadbed.adapters.secrets import age
from roadbed.adapters.secrets.age import AgeSecrets
from roadbed.core.errors import Invalid, NotFound
from roadbed.settings import Settings
from roadbed.testing.secrets_contract import PATH, VALUE, SecretsContract

KEY = pyrage.x25519.Identity.generate()


def encrypt(file, text, key=KEY):
    file.write_bytes(pyrage.encrypt(text.encode(), [key.to_public()]))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secrets").mkdir()
    encrypt(tmp_path / "secrets" / f"{PATH}.age", VALUE + "\n")
    encrypt(tmp_path / "api-key.age", "not yours")
    (tmp_path / "identity").write_text(f"# created: today\n{KEY}\n")
    return tmp_path / "secrets"


class TestAgeSecrets(SecretsContract):
    @pytest.fixture
    def source(self, folder):
        return AgeSecrets(folder, folder.parent / "identity")


def test_another_identity_decrypts_nothing_and_nothing_is_repeated(folder):
    other = pyrage.x25519.Identity.generate()
    (folder.parent / "identity").write_text(str(other))

    with pytest.raises(Invalid, match="cannot be decrypted") as raised:
        AgeSecrets(folder, folder.parent / "identity").fetch(PATH)
    assert str(other) not in repr(raised.value) + raised.value.hint


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1WRONG", "# only words"])
def test_a_file_without_an_identity_is_said(folder, text):
    (folder.parent / "identity").write_text(text)

    with pytest.raises(Invalid, match="ROADBED_AGE_IDENTITY") as raised:
        AgeSecrets(folder, folder.parent / "identity").fetch(PATH)
    assert "WRONG" not in repr(raised.value)


def test_a_link_that_leads_out_of_the_folder_finds_nothing(folder):
    (folder / "out.age").symlink_to("../api-key.age")

    with pytest.raises(NotFound):
        AgeSecrets(folder, folder.parent / "identity").fetch("out")


def test_the_secrets_lie_beside_the_state_directory(folder):
    settings = Settings(
        state=folder.parent / ".roadbed", age_identity=folder.parent / "identity"
    )

    assert age.source(settings).fetch(PATH).reveal() == VALUE


def test_without_an_identity_nothing_is_opened(tmp_path):
    with pytest.raises(Invalid, match="no age identity"):
        age.source(Settings(state=tmp_path))
