"""What is installed of what runs models: found by its name, imported when used."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import roadbed.adapters.providers
from roadbed.core import plugins
from roadbed.inference.provider import Provider
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets

PROVIDERS = "roadbed.providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The provider types that are installed: ours, and those of plug-ins."""

    blobs: Blobs
    secrets: Secrets

    def names(self) -> list[str]:
        """Return the names of all types, without importing any."""
        return plugins.names(roadbed.adapters.providers, PROVIDERS)

    def config_class(self, type_name: str) -> type[BaseModel]:
        """Return the class of the type's `config` block; raise NotFound."""
        return self._module(type_name).Config

    def unpinned(
        self, type_name: str, config: Mapping[str, Any], upstream: str
    ) -> str | None:
        """Say why *upstream* is a floating alias, or return None if it is pinned."""
        module = self._module(type_name)
        judge = getattr(module, "unpinned", None)
        return judge(module.Config(**config), upstream) if judge else None

    def unfit(
        self, type_name: str, config: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> str | None:
        """Say why the type cannot serve *definition*, or return None if it may."""
        module = self._module(type_name)
        judge = getattr(module, "unfit", None)
        return judge(module.Config(**config), definition) if judge else None

    def open(self, type_name: str, config: Mapping[str, Any]) -> Provider:
        """Return a provider with this config."""
        module = self._module(type_name)
        return module.provider(module.Config(**config), self.blobs, self.secrets)

    def _module(self, type_name: str) -> ModuleType:
        return plugins.find(roadbed.adapters.providers, PROVIDERS, type_name)
