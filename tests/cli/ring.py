"""A keyring in one file, for tests; a real backend of the library, with no secrecy."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Keeps everything in the file that TEST_RING names."""

    priority = 1

    def _file(self):
        return Path(os.environ["TEST_RING"])

    def _all(self):
        return json.loads(self._file().read_text()) if self._file().exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        kept = self._all() | {f"{service} {username}": password}
        self._file().write_text(json.dumps(kept))

    def delete_password(self, service, username):
        kept = self._all()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("there is none")
        self._file().write_text(json.dumps(kept))
