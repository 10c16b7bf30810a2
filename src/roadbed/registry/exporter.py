"""What turns a trained model into an artifact that can be served, and its proof."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from roadbed.core.errors import Invalid
from roadbed.registry.plain import plain


class ParityFailed(Invalid):
    """The exported model does not predict what the original predicts."""

    code = "parity_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """An input or output: name, datatype as the Open Inference Protocol has it.

    -1 in `shape` stands for any number of rows.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    def content(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "shape": list(self.shape)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How closely the export follows the original, on *rows* rows.

    `difference` is the largest absolute difference of an output, divided by
    `scale`; `flips` counts rows whose label differs; `reason` says why
    `tolerance` is what it is.
    """

    rows: int
    difference: float
    scale: float
    tolerance: float
    reason: str
    flips: int

    def check(self) -> None:
        """Raise ParityFailed unless the export may stand for the original."""
        hint = (
            "train on float32 values, or choose an estimator whose export is exact; "
            "the model was not registered"
        )
        if self.flips:
            raise ParityFailed(
                f"the export decides differently on {self.flips} of {self.rows} rows",
                hint=hint,
            )
        if not self.difference <= self.tolerance:
            raise ParityFailed(
                f"the export differs from the original by {self.difference:.3g}, "
                f"more than {self.tolerance:g} ({self.reason})",
                hint=hint,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A model ready to be registered.

    `missing` says whether it was trained to take missing values; `reference` is
    the row that explanations start from, one number a feature.
    """

    artifact: bytes
    format: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    features: tuple[str, ...]
    classes: tuple[str | int, ...]
    missing: bool
    explained: str
    reference: tuple[float, ...]
    parity: Parity
    made_from: Mapping[str, str] = field(default_factory=dict)

    def definition(self, provider: str, artifact: str, run_id: str) -> dict[str, Any]:
        """Return the definition of the version: what its digest is made of."""
        return {
            "trained": {
                "provider": provider,
                "format": self.format,
                "artifact": artifact,
                "signature": {
                    "inputs": [spec.content() for spec in self.inputs],
                    "outputs": [spec.content() for spec in self.outputs],
                },
                "features": list(self.features),
                "classes": list(self.classes),
                "missing": self.missing,
                "explain": {
                    "output": self.explained,
                    "reference": plain(self.reference),
                    "statistic": "mean of the example rows",
                },
                "parity": plain(asdict(self.parity)),
                "made_from": dict(self.made_from),
                "run": run_id,
            }
        }


class Exporter(Protocol):
    """Exports the models of one library; a file in `adapters/exporters/`."""

    def export(self, model: Any, example: Any) -> Exported:
        """Return *model* as an artifact that predicts the same on *example*.

        Raises Invalid if it cannot be exported, ParityFailed if it differs.
        """
        ...
