"""Our own trained models, as ONNX, in this process.

One thread computes a request, without spinning: on shared cores more threads are
slower (serving research, 1.7). Large batches run beside the event loop.
"""

from roadbed.adapters.providers.onnx.config import Config
from roadbed.adapters.providers.onnx.provider import Onnx, unfit

provider = Onnx

__all__ = ["Config", "Onnx", "provider", "unfit"]
