"""Loads trained model versions from the blob store."""

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadbed.adapters.providers.onnx.config import Config
from roadbed.adapters.providers.onnx.session import OnnxSession, open_session
from roadbed.core.errors import ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.artifact import weights_in
from roadbed.registry.serving import loading

_WEIGHTS, _REST = 2, 12


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be.

    A model that is only declared has no format yet: its versions will say theirs.
    """
    return loading.unfit(definition, "onnx")


class Onnx(loading.LocalProvider):
    """Runs ONNX models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        runtime = loading.Runtime(format="onnx", open=_opened, needs=needs)
        super().__init__(runtime, config, blobs)


def needs(artifact: Path) -> int:
    """Return how many bytes of memory loading takes at its most.

    Weights are there twice for a moment. Trees are attributes of a node, which the
    runtime makes into more: of a random forest of 60 MB it made 727 MB.
    """
    with artifact.open("rb") as file:
        model = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    weights = weights_in(model)
    return _WEIGHTS * weights + _REST * (len(model) - weights)


def _opened(version: ModelVersion, artifact: Path) -> OnnxSession:
    session = open_session(artifact)
    _check_names(version, session)
    return OnnxSession(session)


def _check_names(version: ModelVersion, session: Any) -> None:
    """Raise ProviderError unless the file has the inputs and outputs registered."""
    signature: Mapping[str, Any] = version.body["signature"]
    for kind, nodes in (
        ("inputs", session.get_inputs()),
        ("outputs", session.get_outputs()),
    ):
        have = [node.name for node in nodes]
        said = [spec["name"] for spec in signature[kind]]
        if have != said:
            raise ProviderError(
                f"{version} was registered with the {kind} {', '.join(said)}, "
                f"but its file has {', '.join(have)}",
                hint="register the model again",
            )
