"""Secrets in environment variables: `secret://env/OPENAI_API_KEY`. For development.

Every process of the same user can read another's environment, and children inherit
it. In production mount files and write `secret://file/…`.
"""

from collections.abc import Mapping

from roadbed.core.errors import NotFound
from roadbed.core.secret import Secret


class EnvSecrets:
    """The variables of *environment*, which is handed in."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __repr__(self) -> str:
        return "EnvSecrets()"

    def fetch(self, path: str) -> Secret:
        """Return the value of the variable called *path*; empty is as good as none."""
        value = self._environment.get(path, "")
        if not value:
            raise NotFound(
                f"the environment has no secret://env/{path}",
                hint=f"set {path} for this process, or use secret://file/…",
            )
        return Secret(value)


source = EnvSecrets
