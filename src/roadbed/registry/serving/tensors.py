"""Between the tensors of the protocol and the arrays of the runtime."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.core.errors import Invalid, ProviderError
from roadbed.inference.tensor import Tensor, from_values

_NUMPY = {
    "BOOL": "?",
    "INT8": "<i1",
    "UINT8": "<u1",
    "INT16": "<i2",
    "UINT16": "<u2",
    "INT32": "<i4",
    "UINT32": "<u4",
    "INT64": "<i8",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_FLOATS = ("FP16", "FP32", "FP64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of a model; -1 in `shape` stands for any number."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.datatype} {list(self.shape)}"

    def content(self) -> dict[str, Any]:
        """Return it as the Open Inference Protocol writes it."""
        shape = list(self.shape)
        return {"name": self.name, "datatype": self.datatype, "shape": shape}


def port(spec: Mapping[str, Any]) -> Port:
    """Return the port that *spec* of a signature describes."""
    return Port(
        name=spec["name"], datatype=spec["datatype"], shape=tuple(spec["shape"])
    )


def to_array(tensor: Tensor, wanted: Port) -> Any:
    """Return *tensor* as the array that *wanted* takes; raise Invalid if it is none.

    Numbers become floats of the wanted width, rounded where they must be; whole
    numbers become other whole numbers if every one of them fits. Nothing else is
    converted.
    """
    _check_shape(tensor, wanted)
    if wanted.datatype == "BYTES":
        return _texts(tensor, wanted)
    if tensor.datatype == "BYTES":
        raise _wrong_type(tensor, wanted)
    import numpy as np

    array = np.frombuffer(tensor.data, _NUMPY[tensor.datatype]).reshape(tensor.shape)
    if tensor.datatype == wanted.datatype:
        return array
    if wanted.datatype not in _FLOATS and tensor.datatype in _FLOATS:
        raise _wrong_type(tensor, wanted)
    with np.errstate(over="ignore"):
        cast = array.astype(_NUMPY[wanted.datatype])
    if not _fits(array, cast, wanted):
        raise Invalid(
            f"input {wanted.name!r}: a value is too large for {wanted.datatype}"
        )
    return cast


def from_array(name: str, array: Any) -> Tensor:
    """Return what the runtime computed as a tensor called *name*.

    Raises ProviderError if the protocol has no such numbers.
    """
    if array.dtype.kind in "OUS":
        texts = [str(item) for item in array.ravel().tolist()]
        return from_values(name, "BYTES", list(array.shape), texts)
    datatype = next((n for n, code in _NUMPY.items() if array.dtype == code), None)
    if datatype is None:
        raise ProviderError(f"the model puts out {array.dtype} as {name!r}")
    return Tensor(name=name, datatype=datatype, shape=array.shape, data=array.tobytes())


def one_row(wanted: Port, values: Sequence[float]) -> Any:
    """Return an input of one row: *values* if they fill it, else zeros or no text."""
    import numpy as np

    shape = [1 if side < 0 else side for side in wanted.shape]
    if wanted.datatype == "BYTES":
        return np.full(shape, "", dtype=object)
    fills = len(values) == math.prod(shape)
    row = np.array(values).reshape(shape) if fills else np.zeros(shape)
    return row.astype(_NUMPY[wanted.datatype])


def check_numbers(array: Any, missing: bool, features: Sequence[str]) -> None:
    """Raise Invalid, naming row and feature, unless every value is a number.

    A model that was not trained on missing values would answer to one with
    nonsense; so NaN passes only if *missing*, and infinity never.
    """
    import numpy as np

    if array.dtype.kind != "f":
        return
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    if not bad.any():
        return
    row, *place = (int(side) for side in np.argwhere(bad)[0])
    where = f", feature {features[place[0]]!r}" if place and features else ""
    hint = (
        "send numbers" if missing else "this model was trained without missing values"
    )
    raise Invalid(f"row {row}{where}: {array[(row, *place)]} is no number", hint=hint)


def _check_shape(tensor: Tensor, wanted: Port) -> None:
    same = len(tensor.shape) == len(wanted.shape) and all(
        want in (-1, side)
        for side, want in zip(tensor.shape, wanted.shape, strict=True)
    )
    if not same:
        raise Invalid(
            f"input {wanted.name!r} has the shape {list(tensor.shape)}; "
            f"this model takes {list(wanted.shape)}",
            hint="-1 stands for any number of rows; one row is a batch of one",
        )


def _wrong_type(tensor: Tensor, wanted: Port) -> Invalid:
    return Invalid(
        f"input {wanted.name!r} is {tensor.datatype}; this model takes {wanted}",
        hint="send numbers" if wanted.datatype != "BYTES" else "send BYTES",
    )


def _texts(tensor: Tensor, wanted: Port) -> Any:
    if tensor.datatype != "BYTES":
        raise _wrong_type(tensor, wanted)
    import numpy as np

    return np.array(tensor.values(), dtype=object).reshape(tensor.shape)


def _fits(array: Any, cast: Any, wanted: Port) -> bool:
    import numpy as np

    if wanted.datatype in _FLOATS:
        return not (np.isinf(cast) & ~np.isinf(array)).any()
    return bool((cast == array).all())
