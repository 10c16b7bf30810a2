"""Reads a stack from a folder: YAML resources, and Cedar policies beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.control.document import Document, read_documents
from roadbed.control.fields import at, check, did_you_mean, said
from roadbed.control.files import read_inside, real_path
from roadbed.control.kinds import API_VERSION, all_kinds
from roadbed.control.leaks import find_leaks, leaks_in
from roadbed.control.stack import Key, Loaded, Stack
from roadbed.control.trees import Tree, pin_tree
from roadbed.core.errors import Invalid, Problem
from roadbed.core.resource import Metadata, Resource, Spec

MAX_BYTES = 4 * 1024 * 1024
TREES = {"Model": ("spec", "hosted", "context", "documents")}
"""Which field of a kind names a folder, whose bytes become part of the resource."""
_HEAD = {
    "apiVersion": f"write apiVersion: {API_VERSION}",
    "kind": "",
    "metadata": "write at least the name",
    "spec": "",
}


def load_stack(folder: Path) -> Stack:
    """Read the stack in *folder*; raise Invalid with every problem that it has."""
    stack, problems = read_stack(folder)
    refuse(problems)
    return stack


def refuse(problems: list[Problem]) -> None:
    """Raise Invalid if there are *problems*, in the order of file and line."""
    if problems:
        ordered = tuple(sorted(dict.fromkeys(problems), key=_place))
        count = f"{len(ordered)} problems" if len(ordered) > 1 else "a problem"
        raise Invalid(f"the stack has {count}", problems=ordered)


def _place(problem: Problem) -> tuple[str, int, str]:
    return problem.file, problem.line, problem.field


def read_stack(folder: Path) -> tuple[Stack, list[Problem]]:
    """Return what can be read of the stack in *folder*, and all that is wrong.

    Raises Invalid only if there is no such folder, or no stack in it.
    """
    if not folder.is_dir():
        raise Invalid(f"there is no folder {folder.name!r}", hint="run `roadbed init`")
    reading = _Reading(folder)
    try:
        for file in _files(folder):
            reading.take(file)
        reading.judge()
    except OSError as error:
        raise Invalid(f"{error.filename!r} cannot be read: {error.strerror}") from None
    if not reading.found and not reading.problems:
        raise Invalid(
            "this folder declares nothing",
            hint="run `roadbed init`, or go to the folder of your stack",
        )
    resources = sorted(reading.resources.values(), key=lambda r: r.key)
    broken = frozenset(reading.found) - reading.resources.keys()
    stack = Stack(folder=folder, resources=tuple(resources), broken=broken)
    return stack, reading.problems


def _files(folder: Path) -> Iterator[Path]:
    for item in sorted(folder.iterdir(), key=lambda p: p.name):
        if item.name.startswith("."):
            continue
        if item.is_dir():
            if not item.is_symlink() and not _is_tests(item):
                yield from _files(item)
        elif item.suffix in (".yaml", ".yml", ".cedar"):
            yield item


def _is_tests(folder: Path) -> bool:
    """Say whether *folder* holds the cases of `roadbed policy test`."""
    return (folder.parent.name, folder.name) == ("policies", "tests")


@dataclass
class _Reading:
    """The state of reading one folder."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    resources: dict[Key, Loaded] = field(default_factory=dict)
    found: dict[Key, Document] = field(default_factory=dict)

    def take(self, path: Path) -> None:
        """Take in all documents of one file."""
        file = path.relative_to(self.folder).as_posix()
        if not file.isprintable():
            said = "the name of this file is not printable text"
            self.problems.append(Problem(message=said, file=ascii(file), line=1))
            return
        text = self._text(path, file)
        if text is None:
            return
        if path.suffix == ".cedar":
            self.documents.append(_policy(path.stem, text, file))
            return
        documents, problems = read_documents(text, file)
        self.problems += problems
        self.documents += documents

    def judge(self) -> None:
        """Make resources of the documents; a file in a pinned folder is not one."""
        pinned = [p for d in self.documents if (p := self._pinned(d)) is not None]

        def is_page(file: str) -> bool:
            whole = real_path(self.folder / file)
            return any(whole.is_relative_to(folder) for folder in pinned)

        self.problems = [p for p in self.problems if not is_page(p.file)]
        for document in self.documents:
            if not is_page(document.file):
                self._resource(document)

    def _pinned(self, document: Document) -> Path | None:
        """Return the folder that *document* pins, unless it stands in it itself."""
        place = TREES.get(str(at(document.value, ("kind",))), ())
        path = at(document.value, place) if place else None
        if not isinstance(path, str):
            return None
        file = self.folder / document.file
        folder = real_path(real_path(file.parent) / path)
        inside = real_path(file).is_relative_to(folder)
        return None if inside else folder

    def _text(self, path: Path, file: str) -> str | None:
        hint = ""
        try:
            data = read_inside(path, self.folder, MAX_BYTES)
            if len(data) <= MAX_BYTES:
                return data.decode("utf-8-sig")
            said = f"is larger than {MAX_BYTES // 2**20} MiB"
        except UnicodeDecodeError:
            said = "is not written in UTF-8"
        except Invalid as error:
            said, hint = error.message, error.hint
        except OSError as error:
            said = f"cannot be read: {error.strerror}"
        self.problems.append(Problem(message=said, hint=hint, file=file, line=1))
        return None

    def _resource(self, document: Document) -> None:
        head = list(_head(document))
        self.problems += head
        kind = at(document.value, ("kind",))
        key = self._claim(document, kind)
        if any(p.field in ("", "kind") for p in head):
            return
        spec = all_kinds()[kind]
        faults = head + _faults(spec, document)
        trees = self._trees(document, kind, faults)
        self.problems += [p for p in faults if p not in head]
        if key is not None and not faults:
            loaded = Loaded(
                resource=_build(spec, document), document=document, trees=trees
            )
            self.resources[key] = loaded

    def _claim(self, document: Document, kind: Any) -> Key | None:
        """Return the key of *document* if it is the first to have it."""
        name = at(document.value, ("metadata", "name"))
        if not isinstance(kind, str) or not isinstance(name, str):
            return None
        first = self.found.setdefault((kind, name), document)
        if first is document:
            return kind, name
        self.problems.append(
            document.problem(
                ("metadata", "name"),
                f"this {kind} is declared twice",
                f"the first is at {first.file}:{first.line(())}; keep one of them",
            )
        )
        return None

    def _trees(
        self, document: Document, kind: str, faults: list[Problem]
    ) -> dict[tuple[str | int, ...], Tree]:
        place = TREES.get(kind, ())
        path = at(document.value, place) if place else None
        if not isinstance(path, str):
            return {}
        base = (self.folder / document.file).parent
        try:
            if self._pinned(document) is None:
                raise Invalid(
                    f"the folder {path!r} holds the file that names it",
                    hint="give the documents a folder of their own",
                )
            tree = pin_tree(self.folder, base, path)
            faults += self._leaks(tree, base / path)
            return {place: tree}
        except Invalid as error:
            faults.append(document.problem(place, error.message, error.hint))
        except OSError as error:
            said = f"cannot be read: {error.strerror}"
            faults.append(document.problem(place, said))
        return {}

    def _leaks(self, tree: Tree, folder: Path) -> Iterator[Problem]:
        """Yield a problem for each line of a document that holds a secret."""
        inside = real_path(folder).relative_to(real_path(self.folder))
        for page in tree.files:
            text = page.data.decode(errors="replace")
            yield from leaks_in(text, (inside / page.path).as_posix())


def _policy(name: str, text: str, file: str) -> Document:
    value = {
        "apiVersion": API_VERSION,
        "kind": "Policy",
        "metadata": {"name": name},
        "spec": {"cedar": text},
    }
    return Document(value=value, file=file, lines={(): 1})


def _head(document: Document) -> Iterator[Problem]:
    value = document.value
    if not isinstance(value, dict):
        hint = f"begin with apiVersion: {API_VERSION}"
        yield document.problem((), f"a resource is a mapping, not {said(value)}", hint)
        return
    if not value.keys() & _HEAD.keys():
        yield document.problem(
            (),
            "is no Roadbed resource",
            "keep other YAML outside of the stack's folder",
        )
        return
    for name in value.keys() - _HEAD.keys():
        yield document.problem((name,), "unknown field", did_you_mean(name, _HEAD))
    for name in _HEAD.keys() - value.keys() - {"kind"}:
        yield document.problem((name,), "is missing", _HEAD[name])
    if value.get("apiVersion", API_VERSION) != API_VERSION:
        hint = f"write {API_VERSION}"
        yield document.problem(("apiVersion",), "no such version", hint)
    kind, kinds = value.get("kind"), all_kinds()
    if "kind" not in value:
        yield document.problem(("kind",), "is missing", did_you_mean("", kinds))
    elif not isinstance(kind, str) or kind not in kinds:
        hint = did_you_mean(str(kind), kinds)
        yield document.problem(("kind",), "there is no such kind", hint)


def _faults(spec: type[Spec], document: Document) -> list[Problem]:
    faults = list(find_leaks(document))
    leaking = {p.field for p in faults}
    for name, model in (("metadata", Metadata), ("spec", spec)):
        if name in document.value:
            more = check(model, document, (name,))
            faults += [p for p in more if p.field not in leaking]
    return faults


def _build(spec: type[Spec], document: Document) -> Resource:
    value = document.value
    return Resource(
        kind=spec.kind,
        metadata=Metadata.model_validate(value["metadata"]),
        spec=spec.model_validate(value["spec"]),
    )
