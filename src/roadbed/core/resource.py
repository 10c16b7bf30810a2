"""Resources: the named, versioned things a team declares in Git."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from roadbed.core.reference import NAME


class Spec(BaseModel):
    """What a team asks for. Field descriptions become the docs, help and schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str]


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
        """Return what was declared, as plain JSON: equal content, equal digest."""
        return {
            "kind": self.kind,
            "metadata": self.metadata.model_dump(mode="json"),
            "spec": self.spec.model_dump(mode="json"),
        }
