"""What would be live if a stack were applied: to ask a version before it is pinned.

Who may do what is never taken from such a stack: policies, lists, labels and budgets
are those that are live, or whoever may declare could let themselves in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from roadbed.control.directory import directory_of
from roadbed.control.plan import next_version
from roadbed.control.readable import READABLE, places_of
from roadbed.control.serve import Declared
from roadbed.control.stack import Key, Loaded, Stack
from roadbed.control.state import Revision, State
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, NotFound
from roadbed.core.reference import VersionRef
from roadbed.inference.snapshot import ModelVersion

OVERLAID = ("Endpoint", "Evaluation", "Model", "Provider")
"""The kinds that a stack that is not applied yet brings along."""
_ALONE: dict[str, Any] = {
    "ack": "spool",
    "cache": None,
    "degrade": [],
    "fallback": [],
    "hedge": None,
}
"""Terms under which one version answers, and nothing stands in for it."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What is live, and *stack* laid over it, if there is one."""

    live: State
    stack: Stack | None = None

    @cached_property
    def resources(self) -> Mapping[Key, Mapping[str, Any]]:
        """Return the contents of all resources, those of the stack over those live."""
        found = {key: revision.content for key, revision in self.live.resources.items()}
        if self.stack is not None:
            for key in [key for key in found if key[0] in OVERLAID]:
                if not self.stack.declares(*key):
                    del found[key]
            declared = [r for r in self.stack.resources if r.key[0] in OVERLAID]
            found |= {loaded.key: loaded.content for loaded in declared}
        return found

    def content(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return what is declared as *kind* and *name*; raise NotFound."""
        found = self.resources.get((kind, name))
        if found is None:
            raise NotFound(
                f"there is no {kind} {name[:80]!r}",
                hint="apply it first, or say where it is declared: --stack FOLDER",
            )
        return found

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the contents of one kind, in the order of their names."""
        return [c for key, c in sorted(self.resources.items()) if key[0] == kind]

    def version(self, ref: VersionRef) -> ModelVersion:
        """Return the version *ref*, which exists or would be made; raise NotFound."""
        if ref in self.live.withdrawn:
            raise Conflict(f"{ref} was withdrawn")
        found = self.live.version(ref) or self._made(ref)
        if found is None:
            known = [str(v) for v in self.live.versions.get(ref.name, ())][-5:]
            raise NotFound(
                f"there is no model version {ref}",
                hint=f"there is {', '.join(known)}" if known else "apply a stack first",
            )
        return found

    def made(self, ref: VersionRef) -> Loaded | None:
        """Return the model of the stack that would make *ref*, None if it exists."""
        if self.stack is None or self.live.version(ref) is not None:
            return None
        return self.stack.by_key.get(("Model", ref.name))

    def foreign(self, provider: str) -> bool:
        """Say whether *provider* is another here than the one that is live."""
        key = ("Provider", provider)
        live = self.live.resources.get(key)
        return live is None or live.content != self.resources.get(key)

    def terms(self, endpoint: str, version: ModelVersion) -> str:
        """Return the digest of what an answer depends on besides the version."""
        provider = self.resources.get(("Provider", provider_of(version)))
        where = {"type": "", "places": []}
        if provider is not None:
            spec = provider["spec"]
            configs = [{**spec["config"], **p["config"]} for p in places_of(provider)]
            where = {"type": spec["type"], "places": configs}
        unsaid = self.content("Endpoint", endpoint)["spec"].get("unsaid", "tell")
        return digest_of({"provider": where, "unsaid": unsaid})

    def alone(self, endpoint: str, version: ModelVersion) -> Declared:
        """Return what serves *version* on *endpoint*, and nothing else."""
        ref = VersionRef(version.model, version.number)
        provider = provider_of(version)
        contents: dict[Key, Mapping[str, Any]] = {
            ("Provider", provider): self.content("Provider", provider),
            ("Model", version.model): self._lists(version.model),
            ("Endpoint", endpoint): self._serving(endpoint, ref),
        }
        rest = {k: r for k, r in self.live.resources.items() if k[0] not in OVERLAID}
        state = replace(
            self.live,
            resources=rest | {k: _revision(k, c) for k, c in contents.items()},
            versions={version.model: (version,)},
        )
        return Declared(state=state, credentials={}, directory=directory_of(self.live))

    def _lists(self, model: str) -> Mapping[str, Any]:
        """Return the model as it is live: its lists say who may ask it."""
        live = self.live.resources.get(("Model", model))
        return live.content if live else self.content("Model", model)

    def _serving(self, endpoint: str, ref: VersionRef) -> dict[str, Any]:
        """Return the endpoint with *ref* alone, as policies read it live."""
        content = self.content("Endpoint", endpoint)
        spec = {**content["spec"], **_ALONE, "model": str(ref)}
        live = self.live.resources.get(("Endpoint", endpoint))
        if live is None:
            return {**content, "spec": spec}
        known = live.content["spec"]
        spec |= {name: known[name] for name in READABLE if name in known}
        return {**live.content, "spec": spec}

    def _made(self, ref: VersionRef) -> ModelVersion | None:
        model = self.made(ref)
        made = next_version(model.content, self.live) if model else None
        if made is None or made[0] != ref:
            return None
        return ModelVersion(
            model=ref.name,
            number=ref.number,
            digest=digest_of(made[1]),
            definition=made[1],
        )


def provider_of(version: ModelVersion) -> str:
    """Return the name of the provider that *version* runs on, empty if none."""
    return str(version.body.get("provider", ""))


def _revision(key: Key, content: Mapping[str, Any]) -> Revision:
    kind, name = key
    return Revision(
        kind=kind,
        name=name,
        revision=0,
        snapshot=0,
        change="create",
        state="live",
        content=content,
        digest="",
        file="",
        line=0,
        applied_by="",
        applied_us=0,
    )
