"""One YAML document: its plain value, and the line each part of it stands on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from roadbed.control.shapes import is_secret
from roadbed.core.errors import Problem

Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions, from the top."""

MAX_DEPTH = 40
MAX_VALUES = 100_000
MAX_WHOLE = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was written, and where. `lines` count from 1; `()` is the first line."""

    value: Any
    file: str
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of *path*, or of the nearest part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """Return a problem with the part of this document at *path*."""
        return Problem(
            message=message,
            hint=hint,
            file=self.file,
            line=self.line(path),
            field=dotted(path),
        )


def dotted(path: Path) -> str:
    """Return *path* as people write it: `spec.roles[1]`. A secret in it is masked."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{'****' if is_secret(part) else part}"
    return text.removeprefix(".")


def read_documents(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Read all YAML documents of *text*, and everything that is wrong with them.

    Scalars follow YAML 1.2: `no` and `2024-08-06` are text. What cannot be read
    stands as None, so that the rest can still be checked.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        for node in _nodes(text):
            reader = _Reader(file, problems)
            value = reader.read(node, ())
            if value is not None:
                lines = reader.lines
                documents.append(Document(value=value, file=file, lines=lines))
    except yaml.YAMLError as error:
        problems.append(_not_yaml(error, text, file))
    except RecursionError:
        problems.append(Problem(message="nests too deeply", file=file, line=1))
    return documents, problems


class _Scalars(yaml.SafeLoader):
    """Reads the scalars of the YAML 1.2 core schema, and no others."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the base's own shape)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, as people do, and none that is read
    as something else: by YAML 1.2 here, by 1.1 elsewhere.
    """

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    for _kind in (_Scalars, _Dumper):
        _kind.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first
        )


def write_document(value: Mapping[str, Any]) -> str:
    """Return *value* as the text of a document, which is read as *value* again."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _Scalars(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    finally:
        loader.dispose()


class _Reader:
    """Turns the nodes of one document into plain values, noting lines and faults."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.lines: dict[Path, int] = {}
        self._left = MAX_VALUES

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._left -= 1
        if self._left == 0:
            self._complain(node, path, f"holds more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            self._complain(node, path[:4], "nests too deeply, or contains itself")
        if self._left <= 0 or len(path) > MAX_DEPTH:
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in first:
                self._complain(
                    key_node,
                    (*path, key),
                    f"stands twice; the first is on line {first[key]}",
                    "keep one of them",
                )
                continue
            first[key] = key_node.start_mark.line + 1
            self.lines[(*path, key)] = first[key]
            values[key] = self.read(value_node, (*path, key))
        return values

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str"):
            return self._scalar(node, path)
        if isinstance(node, yaml.ScalarNode):
            self._complain(node, path, "a key is text", f'write "{node.value}"')
        else:
            self._complain(node, path, "a key is text, not a list or a mapping")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        read = _SCALARS.get(kind)
        if read is None:
            self._complain(node, path, "a YAML tag is not read here", "leave it out")
            return None
        try:
            return read(node.value)
        except ValueError as error:
            self._complain(node, path, str(error))
            return None

    def _complain(
        self, node: yaml.Node, path: Path, message: str, hint: str = ""
    ) -> None:
        self.problems.append(
            Problem(
                message=message,
                hint=hint,
                file=self.file,
                line=node.start_mark.line + 1,
                field=dotted(path),
            )
        )


def _text(text: str) -> str:
    """Return *text* with the surrogate pairs of JSON as the characters they are."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("holds half of a character (a lone surrogate)") from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text.lower() == "true"


def _whole(text: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]{1,16}", text) or abs(int(text)) > MAX_WHOLE:
        raise ValueError(f"is no whole number up to {MAX_WHOLE}; put it in quotes")
    return int(text)


def _number(text: str) -> float:
    value = float(text) if len(text) < 400 else float("inf")
    if value - value != 0:
        raise ValueError("is no number that can be kept; put it in quotes")
    return value


_SCALARS = {
    "str": _text,
    "bool": _truth,
    "int": _whole,
    "float": _number,
    "null": lambda _text: None,
}


def _not_yaml(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(
            message="holds a character that YAML refuses", file=file, line=line
        )
    said = getattr(error, "problem", None) or "cannot be read"
    hint = "indent with spaces" if "'\\t'" in said else ""
    line = mark.line + 1 if mark is not None else 1
    return Problem(message=f"is no YAML: {said}", hint=hint, file=file, line=line)
