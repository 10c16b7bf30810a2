"""What is declared, what is served, and how to change it."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.access.visible import endpoints
from roadbed.control import seen
from roadbed.control.apply import Applied
from roadbed.control.desk import Proposal
from roadbed.control.state import (
    Revision,
    StackRevision,
    current_resources,
    revisions,
)
from roadbed.control.targets import find_resource
from roadbed.control.turned import to_json
from roadbed.core.decision import Target
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.server.routes import Ask, Route

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]{0,100}")
MAX_FILES = 10_000


class KindFilter(BaseModel):
    """Which resources are wanted."""

    model_config = ConfigDict(extra="forbid")

    kind: str = ""


class PageFilter(BaseModel):
    """Where a list goes on; *before* is exclusive."""

    model_config = ConfigDict(extra="forbid")

    before: int | None = Field(default=None, ge=1, le=2**31 - 1)
    limit: int = Field(default=50, ge=1, le=200)


class Resources(BaseModel):
    """What is declared now, by kind and name."""

    revision: int
    digest: str
    resources: list[Revision]


class History(BaseModel):
    """All revisions of one resource, newest first."""

    revisions: list[Revision]


class StackHistory(BaseModel):
    """The changes of the stack, newest first."""

    revisions: list[StackRevision]


class ServedEndpoint(BaseModel):
    """One endpoint, and the version it serves."""

    name: str
    version: str
    digest: str
    kind: str
    provider: str
    stage: str


class Served(BaseModel):
    """The snapshot that this replica serves; `broken` says what it could not load."""

    revision: int
    digest: str
    policies: str
    endpoints: list[ServedEndpoint]
    broken: dict[str, str]


class StackWanted(BaseModel):
    """A whole stack: files by their path, or resources as JSON documents, or both.

    What is not in it will be retired.
    """

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str] = Field(
        default_factory=dict, description="Texts by path, as in the stack's folder."
    )
    documents: list[dict[str, Any]] = Field(
        default_factory=list, description="Resources, as their YAML would say."
    )


class ApplyWanted(StackWanted):
    """A stack, and the digest of the plan that was looked at."""

    plan: str = Field(description="The digest of the plan; another plan is refused.")


class PlanShown(BaseModel):
    """What applying the stack would change, and the digest to apply it with."""

    base: int
    digest: str
    changes: list[dict[str, Any]]
    warnings: list[str] = Field(
        default_factory=list, description="What speaks against it, and forbids nothing."
    )
    rollouts: list[dict[str, Any]] = Field(
        default_factory=list, description="The rollouts that begin, and those that end."
    )


def resources(ask: Ask) -> Resources:
    """List what is declared."""
    with ask.services.database.read() as connection:
        state = current_resources(connection)
        visible = seen.resources(ask.viewer, connection)
    found = [r for r in visible if ask.query.kind in ("", r.kind)]
    return Resources(revision=state.revision, digest=state.digest, resources=found)


def resource_named(ask: Ask) -> Target | None:
    """Find what is or was declared."""
    with ask.services.database.read() as connection:
        return find_resource(connection, ask.params["kind"], ask.params["name"])


def resource(ask: Ask) -> Revision:
    """Show one resource as it is declared now."""
    kind, name = ask.params["kind"], ask.params["name"]
    with ask.services.database.read() as connection:
        found = current_resources(connection).resources.get((kind, name))
    if found is None:
        raise NotFound(f"no {kind[:40]} is called {name[:80]!r} now")
    return found


def resource_history(ask: Ask) -> History:
    """Show how one resource came to be what it is."""
    with ask.services.database.read() as connection:
        found = revisions(connection, ask.params["kind"], ask.params["name"])
    return History(revisions=found)


def stack_history(ask: Ask) -> StackHistory:
    """List the changes of the stack."""
    with ask.services.database.read() as connection:
        found = seen.changes(ask.viewer, connection, ask.query.limit, ask.query.before)
    return StackHistory(revisions=found)


def snapshot(ask: Ask) -> Served:
    """Show what this replica serves."""
    served = ask.snapshot
    mine = set(endpoints(ask.viewer, served))
    return Served(
        revision=served.revision,
        digest=served.digest,
        policies=served.authority.digest,
        endpoints=[
            ServedEndpoint(
                name=name,
                version=str(deployment.version),
                digest=deployment.version.digest,
                kind=deployment.version.kind,
                provider=deployment.provider,
                stage=deployment.stage,
            )
            for name, deployment in sorted(served.deployments.items())
            if name in mine
        ],
        broken={n: reason for n, reason in served.broken.items() if n in mine},
    )


def plan(ask: Ask) -> PlanShown:
    """Show what applying a stack would change."""
    with tempfile.TemporaryDirectory(prefix="roadbed-") as folder:
        proposal = _propose(ask, Path(folder))
        warnings = list(proposal.warnings)
        begun = to_json(proposal.turns)
        plain = proposal.plan.to_json()
        return PlanShown(**plain, warnings=warnings, rollouts=begun)


def apply(ask: Ask) -> Applied:
    """Make a stack live."""
    wanted: ApplyWanted = ask.body
    with tempfile.TemporaryDirectory(prefix="roadbed-") as folder:
        proposal = _propose(ask, Path(folder))
        if proposal.plan.digest != wanted.plan:
            raise Conflict(
                "this is not the plan that was looked at",
                hint="plan again, look at it, and apply that one",
            )
        for version in proposal.promoted:
            ask.require("version.promote", version)
        for endpoint in proposal.immediate:
            ask.require("rollout.immediate", endpoint)
        return ask.services.desk.apply(proposal, ask.actor)


def _propose(ask: Ask, folder: Path) -> Proposal:
    write_stack(folder, ask.body)
    return ask.services.desk.propose(folder)


def write_stack(folder: Path, wanted: StackWanted) -> None:
    """Write the stack to *folder*; raise Invalid for a path that leads elsewhere."""
    texts = {
        f"documents/{at:05d}.yaml": json.dumps(document)
        for at, document in enumerate(wanted.documents)
    }
    both = {**wanted.files, **texts}
    if len(both) > MAX_FILES:
        raise Invalid(f"a stack has at most {MAX_FILES} files")
    for path, text in both.items():
        parts = path.split("/")
        if len(parts) > 16 or not all(_PART.fullmatch(part) for part in parts):
            raise Invalid(
                f"{path[:120]!r} is no path of a file in a stack",
                hint="plain names, separated by /, that do not begin with a dot",
            )
        file = folder.joinpath(*parts)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except (OSError, UnicodeEncodeError):
            raise Invalid(f"{path[:120]!r} cannot be a file of this stack") from None


def _get(path: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        action="resource.read",
        handler=handler,
        summary=summary,
        tag="stack",
        **more,
    )


_ONE = "/api/v1/resources/{kind}/{name}"
_NAMED: dict[str, Any] = {"target": "name", "locate": resource_named}
ROUTES = (
    _get(
        "/api/v1/resources",
        resources,
        "List what is declared",
        answer=Resources,
        query=KindFilter,
        lists="resources",
    ),
    _get(_ONE, resource, "Show one resource", answer=Revision, **_NAMED),
    _get(
        f"{_ONE}/history",
        resource_history,
        "Show the revisions of one resource",
        answer=History,
        **_NAMED,
    ),
    _get(
        "/api/v1/revisions",
        stack_history,
        "List the changes of the stack",
        answer=StackHistory,
        query=PageFilter,
        lists="revisions",
    ),
    _get(
        "/api/v1/snapshot",
        snapshot,
        "Show what is served",
        answer=Served,
        lists="endpoints",
    ),
    Route(
        method="POST",
        path="/api/v1/plan",
        action="stack.plan",
        handler=plan,
        summary="Show what applying a stack would change",
        answer=PlanShown,
        body=StackWanted,
        tag="stack",
    ),
    Route(
        method="POST",
        path="/api/v1/apply",
        action="stack.apply",
        handler=apply,
        summary="Make a stack live, all of it or nothing",
        answer=Applied,
        body=ApplyWanted,
        tag="stack",
    ),
)
