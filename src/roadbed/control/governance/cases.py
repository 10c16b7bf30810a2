"""Cases of access that a team writes down: who may do what, and who may not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.document import Document, read_documents
from roadbed.control.fields import check
from roadbed.control.files import read_inside
from roadbed.control.governance.rulebook import Rulebook, rulebook
from roadbed.control.stack import Stack
from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, Problem

FOLDER = Path("policies") / "tests"
_LARGEST = 1024 * 1024
_NOW = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Who(_Strict):
    """Somebody; what is left out of a declared account or agent is as declared."""

    kind: Literal["service-account", "agent", "user"] = Field(description="What it is.")
    name: str = Field(min_length=1, description="Its name, or issuer#subject.")
    roles: list[str] | None = Field(default=None, description="The roles it holds.")
    groups: list[str] = Field(default_factory=list, description="provider/group.")
    labels: dict[str, str] | None = Field(default=None, description="Its labels.")
    tenant: str | None = Field(default=None, description="The tenant it is of.")
    residency: list[str] | None = Field(default=None, description="Its regions.")
    mandate: list[str] | None = Field(default=None, description="An agent's actions.")


class What(_Strict):
    """Something; without attributes it is as the stack declares it."""

    kind: str = Field(min_length=1, description="Its kind, such as Endpoint.")
    name: str = Field(default="*", description="Its name.")
    attributes: dict[str, Any] | None = Field(
        default=None, description="What policies read of it, labels among them."
    )


class Context(_Strict):
    """How well the identity was proven."""

    fresh: bool = Field(default=True, description="In the last fifteen minutes.")
    mfa: bool = Field(default=False, description="With more than one factor.")


class Case(_Strict):
    """One question, and the answer that it must have."""

    name: str = Field(min_length=1, description="What is promised, as a sentence.")
    who: Who = Field(description="Who wants to act.")
    action: str = Field(description="What they want to do.")
    resource: What = Field(description="What they want to do it to.")
    context: Context = Field(default_factory=Context, description="Their proof.")
    expect: Literal["allow", "deny"] = Field(description="What must be decided.")
    reason: str = Field(
        default="", description="A policy that must be among those that decided."
    )


class Cases(_Strict):
    """The cases of one file."""

    cases: list[Case] = Field(min_length=1, description="One after the other.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A case, where it stands, and what was decided."""

    case: Case
    file: str
    line: int
    allowed: bool
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Say whether the decision is the one that was expected, for the reason."""
        said = not self.case.reason or self.case.reason in self.reasons
        return said and self.allowed == (self.case.expect == "allow")

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON."""
        return {
            "case": self.case.name,
            "file": self.file,
            "line": self.line,
            "expected": self.case.expect,
            "decided": "allow" if self.allowed else "deny",
            "reasons": list(self.reasons),
            "passed": self.passed,
        }


def run_cases(stack: Stack) -> list[Result]:
    """Decide every case in `policies/tests` of *stack*'s folder by its policies.

    Raises Invalid if there are no cases, or one of them cannot be read.
    """
    documents = _documents(stack.folder)
    book = rulebook({loaded.key: loaded.content for loaded in stack.resources})
    return [_run(book, *found) for found in _cases(documents)]


def _documents(folder: Path) -> list[Document]:
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in sorted((folder / FOLDER).rglob("*.y*ml")):
        text = read_inside(path, folder, _LARGEST).decode("utf-8-sig", "replace")
        read, faults = read_documents(text, path.relative_to(folder).as_posix())
        documents += read
        problems += faults
    problems += [p for document in documents for p in check(Cases, document, ())]
    if problems:
        raise Invalid("these cases cannot be read", problems=tuple(problems))
    if not documents:
        raise Invalid(
            f"there are no cases in {FOLDER.as_posix()}",
            hint="`roadbed init` writes some; docs/how-to/govern-access.md shows how",
        )
    return documents


def _cases(documents: list[Document]) -> Iterator[tuple[Case, Document, int]]:
    for document in documents:
        for at, case in enumerate(Cases.model_validate(document.value).cases):
            yield case, document, document.line(("cases", at))


def _run(book: Rulebook, case: Case, document: Document, line: int) -> Result:
    who, what = _principal(book, case), _target(book, case.action, case.resource)
    decision = book.authority.decide(who, case.action, what, _NOW)
    return Result(
        case=case,
        file=document.file,
        line=line,
        allowed=decision.allowed,
        reasons=decision.reasons,
    )


def _principal(book: Rulebook, case: Case) -> Principal:
    who = case.who
    known = book.principal(f"{who.kind}:{who.name}")
    given: Mapping[str, Any] = who.model_dump(exclude_none=True)

    def chosen(name: str, otherwise: Any) -> Any:
        return given.get(name, getattr(known, name) if known else otherwise)

    mandate = chosen("mandate", None)
    return Principal(
        kind=who.kind,
        name=known.name if known else who.name,
        roles=frozenset(chosen("roles", ())),
        groups=frozenset(who.groups),
        labels=tuple(sorted(dict(chosen("labels", {})).items())),
        tenant=chosen("tenant", DEFAULT_TENANT),
        residency=frozenset(chosen("residency", ())),
        mandate=None if mandate is None else frozenset(mandate),
        methods=frozenset({"mfa"} if case.context.mfa else ()),
        fresh_until_us=_NOW if case.context.fresh else 0,
    )


def _target(book: Rulebook, action: str, what: What) -> Target:
    if what.attributes is None:
        return book.target(action, what.kind, what.name)
    return Target(kind=what.kind, name=what.name, attributes=what.attributes)
