"""What the control room asks of the installed providers."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from roadbed.inference.provider import Provider


class Catalog(Protocol):
    """The provider types that are installed, found by name and loaded when used."""

    def names(self) -> list[str]:
        """Return the names of all types, without importing any."""
        ...

    def config_class(self, type_name: str) -> type[BaseModel]:
        """Return the class of the type's `config` block; raise NotFound."""
        ...

    def unpinned(
        self, type_name: str, config: Mapping[str, Any], upstream: str
    ) -> str | None:
        """Say why *upstream* is a floating alias, or return None if it is pinned."""
        ...

    def unfit(
        self, type_name: str, config: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> str | None:
        """Say why the type cannot serve *definition*, or return None if it may.

        Files of documents may have their bytes as `data`: see `inference.provider`.
        """
        ...

    def open(self, type_name: str, config: Mapping[str, Any]) -> Provider:
        """Return a provider with this config; raise NotFound, Invalid or
        ProviderError if there can be none.
        """
        ...
