"""Secrets in environment variables: `secret://env/OPENAI_API_KEY`. For development.

Every process of the same user can read another's environment, and children inherit
it. In production mount files and write `secret://file/…`.
"""

from collections.abc import Mapping

from roadbed.core.errors import Invalid, NotFound
from roadbed.core.secret import Secret
from roadbed.settings import Settings, environment


class EnvSecrets:
    """The variables of *environment*, which is handed in."""

    lifetime_s = 60.0

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

    def previous(self, path: str) -> Secret | None:
        """Return None: a variable has no past."""
        return None


def source(settings: Settings) -> EnvSecrets:
    """Return the secrets in this process's environment; Invalid in production."""
    if settings.in_production:
        raise Invalid(
            "secret://env/… is for development, and this is production",
            hint="mount a file and write secret://file/…, or set "
            "ROADBED_PROFILE=development on a machine of your own",
        )
    return EnvSecrets(environment())
