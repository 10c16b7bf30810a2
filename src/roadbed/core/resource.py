"""Resources: the named, versioned things a team declares in Git."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.reference import NAME


class Spec(BaseModel):
    """What a team asks for. Field descriptions become the docs, help and schema.

    The fields that `quiet` names are left out of the content where they have their
    default: a kind that gets a new field makes no change of what was declared before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str]
    quiet: ClassVar[frozenset[str]] = frozenset()

    def content(self) -> dict[str, object]:
        """Return what was declared, as plain JSON."""
        document = self.model_dump(mode="json")
        said = self.model_dump(mode="json", exclude_defaults=True)
        return {k: v for k, v in document.items() if k in said or k not in self.quiet}


class Metadata(BaseModel):
    """What every resource has, whatever its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(
        pattern=rf"^{NAME}$",
        description="Unique within its kind: small letters, digits and hyphens.",
    )
    description: str = Field(default="", description="One sentence for people.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Free labels; policies may read them."
    )
    tenant: str = Field(
        default=DEFAULT_TENANT,
        pattern=r"^[a-z][a-z0-9-]{0,62}$",
        description="The tenant it belongs to, for good; nobody of another one "
        "reaches it, and it refers to nothing of another one. Only a Provider of "
        "default is for the models of all.",
    )


class Resource(BaseModel):
    """One revision of one declared thing. Never edited; only followed by another."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    metadata: Metadata
    spec: Spec
    revision: int = 0
    state: Literal["live", "retired"] = "live"

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: kind and name."""
        return self.kind, self.metadata.name

    def content(self) -> dict[str, object]:
        """Return what was declared, as plain JSON: equal content, equal digest.

        The default tenant is left out; see `tenant_of`.
        """
        metadata = self.metadata.model_dump(mode="json")
        if metadata["tenant"] == DEFAULT_TENANT:
            del metadata["tenant"]
        return {
            "kind": self.kind,
            "metadata": metadata,
            "spec": self.spec.content(),
        }


def tenant_of(content: Mapping[str, Any]) -> str:
    """Return the tenant of the resource with this *content*."""
    return content["metadata"].get("tenant", DEFAULT_TENANT)
