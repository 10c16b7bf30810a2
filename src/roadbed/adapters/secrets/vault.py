"""Secrets in Vault or OpenBao: `secret://vault/kv/prod/openai#api_key`.

The first part is the mount of a key-value engine (version 2, or 1), then comes the
path, and after `#` the key; without it, `value`. How we prove ourselves is a setting,
and what we prove ourselves with is in a file. Proved against a stand-in that speaks
Vault's documented HTTP, not against Vault.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadbed.core.errors import Invalid, NotFound, Unavailable
from roadbed.core.secret import Secret
from roadbed.settings import Settings

if TYPE_CHECKING:
    import hvac

SECONDS = 5
_PATH = re.compile(r"[A-Za-z0-9_.@-]+(?:/[A-Za-z0-9_.@-]+)+(?:#[A-Za-z0-9_.-]+)?")
_KUBERNETES = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class VaultSecrets:
    """The secrets in the Vault that *settings* name.

    Logs in at the first use, and anew when the token has run out.
    """

    lifetime_s = 60.0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: hvac.Client | None = None

    def __repr__(self) -> str:
        return "VaultSecrets()"

    def fetch(self, path: str) -> Secret:
        """Return the newest value of the key at *path*."""
        found = self._find(path, None)
        if found is None:
            raise NotFound(
                f"there is no secret://vault/{path[:200]}",
                hint="write secret://vault/MOUNT/PATH#KEY",
            )
        return found[0]

    def previous(self, path: str) -> Secret | None:
        """Return the version before the newest; version 1 of the engine keeps none."""
        if self._settings.vault_kv == "1":
            return None
        newest = self._find(path, None)
        if newest is None or newest[1] < 2:
            return None
        found = self._find(path, newest[1] - 1)
        return found[0] if found else None

    def _find(self, path: str, version: int | None) -> tuple[Secret, int] | None:
        """Return the value and the number of its version, None if there is none."""
        parts = path.partition("#")[0].split("/")
        if not _PATH.fullmatch(path) or {".", ".."} & set(parts):
            return None
        found = self._asked(parts[0], "/".join(parts[1:]), version)
        data, number = _mapping(found.get("data")), 0
        if self._settings.vault_kv == "2":
            told = _mapping(data.get("metadata")).get("version")
            number = told if isinstance(told, int) else 0
            data = _mapping(data.get("data"))
        value = data.get(path.partition("#")[2] or "value")
        return (Secret(value), number) if isinstance(value, str) and value else None

    def _asked(self, mount: str, path: str, version: int | None) -> dict[str, Any]:
        """Return Vault's answer, empty if nothing is there; log in again once."""
        import requests
        from hvac.exceptions import Forbidden, InvalidPath, VaultError

        failure = Unavailable(
            f"Vault does not let this process read {mount}/{path}",
            hint="check the policy of its role, and ROADBED_VAULT_CREDENTIALS",
        )
        for _ in range(2):
            try:
                return _mapping(self._read(mount, path, version))
            except InvalidPath:
                return {}
            except Forbidden:
                self._client = None  # the token may have run out
            except (VaultError, requests.RequestException, ValueError) as error:
                failure = Unavailable(f"Vault cannot be asked: {type(error).__name__}")
                break
        raise failure

    def _read(self, mount: str, path: str, version: int | None) -> Any:
        if self._client is None:
            self._client = self._login()
        engine = self._client.secrets.kv
        if self._settings.vault_kv == "1":
            found = engine.v1.read_secret(path, mount_point=mount)
        else:
            found = engine.v2.read_secret_version(
                path, version, mount_point=mount, raise_on_deleted_version=True
            )
        if not isinstance(found, dict):
            raise ValueError("this is no answer of Vault's")
        return found

    def _login(self) -> "hvac.Client":
        import hvac
        import requests

        session = requests.Session()
        session.trust_env = False
        settings = self._settings
        client = hvac.Client(
            url=settings.vault_address,
            verify=str(settings.vault_ca) if settings.vault_ca else True,
            timeout=SECONDS,
            allow_redirects=False,
            session=session,
        )
        proof = self._proof()
        if settings.vault_auth == "kubernetes":
            client.auth.kubernetes.login(settings.vault_role, proof)
        elif settings.vault_auth == "approle":
            client.auth.approle.login(settings.vault_role, proof)
        else:
            client.token = proof
        return client

    def _proof(self) -> str:
        file = self._settings.vault_credentials
        if file is None and self._settings.vault_auth == "kubernetes":
            file = _KUBERNETES
        try:
            proof = file.read_text("ascii").strip() if file else ""
        except (OSError, UnicodeDecodeError):
            proof = ""
        if not proof:
            raise Invalid(
                "there is nothing to prove this process to Vault with",
                hint="set ROADBED_VAULT_CREDENTIALS to a file that it can read",
            )
        return proof


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def source(settings: Settings) -> VaultSecrets:
    """Return the secrets of the Vault at ROADBED_VAULT_ADDRESS."""
    try:
        import hvac  # noqa: F401
    except ImportError:
        raise Invalid(
            "secret://vault/… needs hvac", hint="install the extra: roadbed[vault]"
        ) from None
    if not settings.vault_address.startswith(("https://", "http://")):
        raise Invalid("Vault is not configured", hint="set ROADBED_VAULT_ADDRESS")
    return VaultSecrets(settings)
