"""Finds the source that a reference names, and asks it."""

import re
from collections.abc import Mapping

from roadbed.core.errors import NotFound
from roadbed.core.secret import Secret
from roadbed.ports.secrets import SecretSource

_REFERENCE = re.compile(r"secret://([a-z][a-z0-9-]*)/(\S+)")


class Resolver:
    """Resolves whole references over *sources*, one for each scheme.

    Only the schemes that are handed in exist: a production process is given no `env`.
    """

    def __init__(self, sources: Mapping[str, SecretSource]) -> None:
        self._sources = dict(sources)

    def resolve(self, reference: str) -> Secret:
        """Return the secret behind `secret://scheme/path`; raise NotFound.

        Text that is no reference is not repeated: it may be the secret itself.
        """
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise NotFound(
                "this is no reference of a secret",
                hint="write one such as secret://file/openai-key",
            )
        scheme, path = found.groups()
        if scheme not in self._sources:
            known = ", ".join(sorted(self._sources)) or "none"
            raise NotFound(
                f"no secrets are kept under {scheme!r}", hint=f"schemes here: {known}"
            )
        return self._sources[scheme].fetch(path)
