"""The runtime: opened without threads of its own, its errors translated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from roadbed.core.errors import ProviderError

_ERRORS_ONLY = 3
_NO_MEMORY = ("bad_alloc", "Failed to allocate memory")
_WHERE = re.compile(r"Load model from \S+ failed: ?")


def open_session(artifact: Path) -> Any:
    """Return a session that computes in the calling thread.

    Raises ProviderError, and MemoryError if there is not enough. It is opened by its
    path: given bytes, the runtime keeps them beside the model, and lets nobody run
    Python while it copies them (600 ms for 500 MB).
    """
    try:
        import onnxruntime
    except ImportError:
        raise ProviderError(
            "running ONNX models needs onnxruntime, which is not installed",
            hint="install Roadbed with its extra `onnx`",
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with translated():
        try:
            return onnxruntime.InferenceSession(
                str(artifact), options, providers=["CPUExecutionProvider"]
            )
        except _errors() as error:
            if any(sign in str(error) for sign in _NO_MEMORY):
                raise MemoryError from None
            raise


def run_options() -> Any:
    """Return options for one run; setting `terminate` ends it early."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = _ERRORS_ONLY + 1
    return options


class OnnxSession:
    """A session of the runtime, as a runner computes with it."""

    platform = "onnx_onnxv1"

    def __init__(self, session: Any) -> None:
        self._session = session

    def options(self) -> Any:
        """Return options for one run."""
        return run_options()

    def run(
        self, names: Sequence[str], feeds: Mapping[str, Any], options: Any
    ) -> list[Any]:
        """Return the outputs called *names*; raise ProviderError."""
        with translated():
            return self._session.run(list(names), feeds, options)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the runtime's errors into ProviderError, by their first line."""
    try:
        yield
    except _errors() as error:
        reason = _WHERE.sub("", str(error).strip().partition("\n")[0])[:300]
        raise ProviderError(f"the ONNX runtime failed: {reason}") from None


def _errors() -> tuple[type[Exception], ...]:
    """Return the runtime's own exceptions, which have no common ancestor."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    known = [value for value in vars(state).values() if isinstance(value, type)]
    return tuple(v for v in known if issubclass(v, Exception))
