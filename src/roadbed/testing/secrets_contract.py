"""What every source of secrets promises, as tests that its own test inherits."""

import pickle

import pytest

from roadbed.core.errors import NotFound, RoadbedError
from roadbed.ports.secrets import SecretSource

PATH = "api-key"
VALUE = "canary 5d1c, with spaces and ümlauts"
ODD_PATHS = [
    *("", ".", "..", "/", " ", "\\", "a\0b", "x" * 5000),
    *("../api-key", "a/../../b", "/etc/hostname", "..\\api-key", "%2e%2e/api-key"),
]


class SecretsContract:
    """Subclass me with a `source` fixture that holds VALUE at PATH, and little else.

    Override `path` if the source's names are written otherwise.
    """

    path: str = PATH

    def test_what_was_kept_is_what_is_fetched(self, source: SecretSource) -> None:
        """The value arrives whole, and as often as it is asked for."""
        values = [source.fetch(self.path).reveal() for _ in range(2)]

        assert values == [VALUE, VALUE]

    def test_what_was_fetched_is_not_shown(self, source: SecretSource) -> None:
        """No representation of the secret or of its source has the value in it."""
        secret = source.fetch(self.path)

        shown = f"{secret!r} {secret!s} {source!r} {source!s} {[secret]}"

        assert VALUE not in shown
        with pytest.raises(TypeError):
            pickle.dumps(secret)

    def test_what_is_missing_is_not_found_by_name(self, source: SecretSource) -> None:
        """The error says which path, and what to do."""
        with pytest.raises(NotFound, match="no-such-secret") as raised:
            source.fetch("no-such-secret")

        assert raised.value.hint

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_no_path_leads_astray(self, source: SecretSource, path: str) -> None:
        """An odd path finds nothing, and says so in our own words."""
        with pytest.raises(NotFound) as raised:
            source.fetch(path)

        assert isinstance(raised.value, RoadbedError)
        assert VALUE not in f"{raised.value!r} {raised.value.hint}"
