"""The keyring of the operating system, where there is one that works."""

from types import ModuleType


def put(service: str, name: str, secret: str) -> bool:
    """Keep *secret*; say whether a keyring took it."""
    ring = _ring()
    if ring is None:
        return False
    try:
        ring.set_password(service, name, secret)
        return ring.get_password(service, name) == secret
    except ring.errors.KeyringError:
        return False


def get(service: str, name: str) -> str | None:
    """Return the secret that was kept, None if there is none."""
    ring = _ring()
    if ring is None:
        return None
    try:
        return ring.get_password(service, name)
    except ring.errors.KeyringError:
        return None


def drop(service: str, name: str) -> bool:
    """Forget the secret; say whether there was one."""
    ring = _ring()
    if ring is None:
        return False
    try:
        ring.delete_password(service, name)
    except ring.errors.KeyringError:
        return False
    return True


def _ring() -> ModuleType | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring
