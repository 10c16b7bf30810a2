"""What the tests of providers that compute in this process share."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.inference.call import TensorRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.tensor import from_values
from roadbed.registry.serving.runner import LocalRunner
from roadbed.testing.provider_contract import Opened, answer


class Bench:
    """A blob store and a provider; what an exporter made can be opened."""

    def __init__(self, folder, module, exporter):
        self.blobs = LocalBlobs(folder)
        self.config = module.Config()
        self.provider = module.provider(self.config, self.blobs, None)
        self.exporter = exporter

    def version(self, model, example):
        exported = self.exporter.export(model, example)
        artifact = self.blobs.put([exported.artifact])
        definition = exported.definition("here", artifact, "run")
        return ModelVersion(model="m", number=1, digest="", definition=definition)

    def open(self, model, example):
        return self.provider.open(self.version(model, example))

    def opened(self, model, example):
        return Opened(self.provider, self.open(model, example))

    def broken(self, version, session):
        """Return a runner whose session takes other rows than it says."""
        runner = LocalRunner(session, version.body, self.config, ThreadPoolExecutor(1))
        return Opened(self.provider, runner)


def tensor(rows, datatype="FP64"):
    rows = np.asarray(rows, dtype=np.float64)
    return from_values("input", datatype, list(rows.shape), rows.tolist())


def ask(runner, rows):
    """Return the outputs for *rows*, by name, as arrays."""
    chunk = asyncio.run(answer(runner, TensorRequest(inputs=(tensor(rows),))))[-1]
    return {t.name: np.array(t.values()).reshape(t.shape) for t in chunk.tensors}
