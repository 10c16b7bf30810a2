"""The Open Inference Protocol v2: tensors in and out, as JSON and as bytes.

Callers ask in it at `/v2`, and inference servers such as KServe, Triton and MLServer
are asked in it. Nothing is streamed. `tensors.py` has what both sides share: an array
is either `data` in JSON, or `binary_data_size` bytes behind the JSON.
"""

DIALECT = "oip"
EXTENSIONS = ("binary_tensor_data",)
LENGTH = "Inference-Header-Content-Length"
"""The header that says how many bytes of the body are JSON."""
