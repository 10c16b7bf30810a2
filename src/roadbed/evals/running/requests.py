"""From a case to the request that asks it, in the dialect of what is evaluated."""

import json
from collections.abc import Mapping
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.asking import Question
from roadbed.evals.case import Case
from roadbed.inference.snapshot import ModelVersion


class Requests:
    """Writes the requests to one version.

    *extra* are the fields of every request besides what the case asks, *labels* what
    the calls are counted under.
    """

    def __init__(
        self,
        version: ModelVersion,
        extra: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> None:
        self._body = version.body
        self._tensors = version.kind == "trained"
        self._extra = dict(extra)
        self._labels = dict(labels)

    def question(self, case: Case) -> Question:
        """Return what asks *case*; raise Invalid if the model cannot be asked so."""
        if self._tensors:
            body = self._extra | {"inputs": tensors_of(self._body, case.input)}
            return Question(body=body, dialect="oip", labels=self._labels)
        return Question(body=self._extra | chat_of(case.input), labels=self._labels)


def chat_of(given: Any) -> dict[str, Any]:
    """Return the fields that ask *given*: a text, messages, or fields with messages.

    Any other value is asked as the text of its JSON.
    """
    if isinstance(given, dict) and isinstance(given.get("messages"), list):
        return dict(given)
    if _is_conversation(given):
        return {"messages": given}
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return {"messages": [{"role": "user", "content": text}]}


def tensors_of(body: Mapping[str, Any], given: Any) -> list[dict[str, Any]]:
    """Return the inputs of a trained model for one row, by its signature."""
    if not isinstance(given, dict):
        raise Invalid(
            "a trained model is asked with the values of its features",
            hint="name the columns of the features under cases.input",
        )
    inputs = (body.get("signature") or {}).get("inputs") or []
    features = [str(name) for name in body.get("features") or ()]
    if len(inputs) == 1 and inputs[0]["name"] not in given and features:
        values = [_value(given, name, inputs[0]["datatype"]) for name in features]
        return [_tensor(inputs[0], [1, len(values)], values)]
    if not inputs:
        raise Invalid("the version does not say which inputs it takes")
    return [_row(port, given) for port in inputs]


def _row(port: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    value = _value(given, port["name"], port["datatype"])
    flat = value if isinstance(value, list) else [value]
    sides = len(port.get("shape") or [-1])
    shape = [1] if sides < 2 else [1, *[1] * (sides - 2), len(flat)]
    return _tensor(port, shape, flat)


def _tensor(
    port: Mapping[str, Any], shape: list[int], values: list[Any]
) -> dict[str, Any]:
    said = {"name": port["name"], "datatype": port["datatype"]}
    return {**said, "shape": shape, "data": values}


def _value(given: Mapping[str, Any], name: str, datatype: str) -> Any:
    if name not in given:
        raise Invalid(
            f"the case has no value for the feature {name!r}",
            hint="name the columns of all features under cases.input",
        )
    value = given[name]
    return float(value) if _widens(value, datatype) else value


def _widens(value: Any, datatype: str) -> bool:
    return datatype.startswith("FP") and type(value) in (int, bool)


def _is_conversation(given: Any) -> bool:
    return (
        isinstance(given, list)
        and bool(given)
        and all(isinstance(turn, dict) and "role" in turn for turn in given)
    )
