"""What Roadbed asks of a place where secrets are kept."""

from typing import Protocol

from roadbed.core.secret import Secret


class SecretSource(Protocol):
    """Finds secrets by path, for one scheme such as `secret://file/…`. Blocks.

    `lifetime_s` is how long a value may be used before it is asked for again.
    """

    lifetime_s: float

    def fetch(self, path: str) -> Secret:
        """Return the secret at *path*.

        Raises NotFound if there is none, Invalid if what is there cannot be a
        secret, and Unavailable if the place cannot be asked now.
        """
        ...

    def previous(self, path: str) -> Secret | None:
        """Return the value before the last rotation, None if it is not kept.

        Raises as `fetch` does.
        """
        ...


class Secrets(Protocol):
    """Resolves whole references, whatever their scheme."""

    def resolve(self, reference: str) -> Secret:
        """Return the secret behind `secret://scheme/path`. May block.

        Raises NotFound, Invalid or Unavailable.
        """
        ...

    def held(self, reference: str) -> Secret | None:
        """Return the secret if it is at hand, None if it must be resolved. At once."""
        ...

    def renew(self, reference: str, refused: Secret) -> Secret | None:
        """Return another value than *refused*, which did not work. May block.

        None if there is no other. Raises nothing.
        """
        ...
