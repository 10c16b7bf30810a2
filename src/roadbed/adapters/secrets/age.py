"""Secrets in files that age has encrypted: `secret://age/openai-key`.

The file `secrets/openai-key.age` lies beside the state directory, in the stack, and
may be kept in Git. Only the identity that decrypts it stays outside.
"""

from pathlib import Path
from typing import Any

from roadbed.core.errors import Invalid, NotFound
from roadbed.core.secret import Secret
from roadbed.settings import Settings

MAX_BYTES = 1024 * 1024


class AgeSecrets:
    """The files ending in `.age` in *folder*, read with the identities in *identity*.

    The identity file is read anew each time, so it can be exchanged.
    """

    lifetime_s = 60.0

    def __init__(self, folder: Path, identity: Path) -> None:
        self._folder = folder
        self._identity = identity

    def fetch(self, path: str) -> Secret:
        """Return the text inside the file *path*`.age`, without its last line break.

        Raises NotFound if there is no such file in the folder, Invalid if none of the
        identities decrypts it.
        """
        value = self._decrypted(path, self._read(path)).removesuffix("\n")
        if not value:
            raise self._missing(path)
        return Secret(value.removesuffix("\r"))

    def previous(self, path: str) -> Secret | None:
        """Return None: a file has no past but Git's."""
        return None

    def _read(self, path: str) -> bytes:
        data = None
        if path and ".." not in Path(path).parts:
            try:
                folder = self._folder.resolve(strict=True)
                file = (folder / f"{path}.age").resolve(strict=True)
                if file.is_relative_to(folder) and file.is_file():
                    data = file.read_bytes()[: MAX_BYTES + 1]
            except (OSError, RuntimeError, ValueError):
                data = None  # absent, unreadable, a loop of links, a NUL in the name
        if data is None or len(data) > MAX_BYTES:
            raise self._missing(path)
        return data

    def _decrypted(self, path: str, data: bytes) -> str:
        pyrage = _library()
        try:
            return pyrage.decrypt(data, self._identities()).decode()
        except (pyrage.DecryptError, UnicodeDecodeError):
            failed = Invalid(
                f"secret://age/{path} cannot be decrypted",
                hint="encrypt it for the recipient of ROADBED_AGE_IDENTITY: "
                "age -r age1… -o secrets/NAME.age",
            )
        raise failed

    def _identities(self) -> list[Any]:
        pyrage = _library()
        try:
            lines = self._identity.read_text("ascii").split()
            keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
            found = [pyrage.x25519.Identity.from_str(key) for key in keys]
        except (OSError, UnicodeDecodeError, pyrage.IdentityError):
            found = []
        if not found:
            raise Invalid(
                "the file of ROADBED_AGE_IDENTITY holds no age identity",
                hint="make one with age-keygen, readable by this process only",
            )
        return found

    def _missing(self, path: str) -> NotFound:
        return NotFound(
            f"there is no secret://age/{path}",
            hint=f"encrypt it into {self._folder.name}/{path[:100]}.age of the stack",
        )


def _library() -> Any:
    try:
        import pyrage
    except ImportError:
        raise Invalid(
            "secret://age/… needs pyrage", hint="install the extra: roadbed[age]"
        ) from None
    return pyrage


def source(settings: Settings) -> AgeSecrets:
    """Return the secrets in the folder `secrets` beside the state directory."""
    if settings.age_identity is None:
        raise Invalid(
            "no age identity is configured", hint="set ROADBED_AGE_IDENTITY to its file"
        )
    return AgeSecrets(settings.state.parent / "secrets", settings.age_identity)
