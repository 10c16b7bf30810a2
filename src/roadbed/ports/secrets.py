"""What Roadbed asks of a place where secrets are kept."""

from typing import Protocol

from roadbed.core.secret import Secret


class SecretSource(Protocol):
    """Finds secrets by path, for one scheme such as `secret://file/…`."""

    def fetch(self, path: str) -> Secret:
        """Return the secret at *path*; raise NotFound if there is none."""
        ...


class Secrets(Protocol):
    """Resolves whole references, whatever their scheme."""

    def resolve(self, reference: str) -> Secret:
        """Return the secret behind `secret://scheme/path`; raise NotFound."""
        ...
