"""Stacks as text: what a test declares, with or without a fault."""

import json
from pathlib import Path
from textwrap import dedent

from roadbed.control.load import read_stack
from roadbed.control.plan import next_version
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import Revision, State
from roadbed.core.digest import canonical, digest_of
from roadbed.inference.snapshot import ModelVersion

HEAD = "apiVersion: roadbed/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def resource(kind: str, name: str, spec: str) -> str:
    """Return one YAML resource; the spec begins on line 5."""
    body = dedent(spec).strip().replace("\n", "\n  ")
    return HEAD.format(kind=kind, name=name) + f"  {body}\n"


def write(folder: Path, **files: str) -> Path:
    """Write each text as `<name>.yaml` into *folder* and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def stack_of(folder: Path, *resources: str) -> Stack:
    """Return the stack of these resources, written to one file in *folder*."""
    stack, problems = read_stack(write(folder, stack="---\n".join(resources)))
    assert not problems, problems
    return stack


def problems_of(folder: Path) -> list[str]:
    """Return the problems of reading *folder*, as the command line prints them."""
    return [str(problem) for problem in read_stack(folder)[1]]


OPERATOR = resource(
    "ServiceAccount",
    "operator",
    "{roles: [platform-engineer, security-admin, researcher, auditor], keys: true}",
)
ECHO = resource("Provider", "echo", "type: echo")


def live(stack: Stack, revision: int = 1, before: State | None = None) -> State:
    """Return the state after *stack* was applied on *before*, without a database."""
    before = before or State()
    versions = dict(before.versions)
    for loaded in stack.resources:
        made = next_version(loaded.content, before)
        if made is not None:
            ref, definition = made
            version = ModelVersion(
                model=ref.name,
                number=ref.number,
                digest=digest_of(definition),
                definition=definition,
            )
            versions[ref.name] = (*versions.get(ref.name, ()), version)
    return State(
        revision=revision,
        digest=f"sha256:{revision:064}",
        resources={r.key: _revision(r, revision) for r in stack.resources},
        versions=versions,
    )


def _revision(loaded: Loaded, revision: int) -> Revision:
    kind, name = loaded.key
    return Revision(
        kind=kind,
        name=name,
        revision=revision,
        snapshot=revision,
        change="create",
        state="live",
        content=json.loads(canonical(loaded.content)),
        digest=digest_of(loaded.content),
        file=loaded.file,
        line=loaded.line,
        applied_by="service-account:operator",
        applied_us=0,
    )


def hosted(name: str = "bot", upstream: str = "echo-1", more: str = "") -> str:
    """Return a hosted Model on the provider `echo`; *more* goes into `hosted`."""
    extra = "".join(f"\n  {line}" for line in more.splitlines())
    spec = f"owner: team\nhosted:\n  provider: echo\n  upstream: {upstream}{extra}"
    return resource("Model", name, spec)


def endpoint(name: str = "bot", model: str = "bot@1", more: str = "") -> str:
    """Return an Endpoint that pins *model*; *more* goes into its spec."""
    return resource("Endpoint", name, f"model: {model}\n{more}")
