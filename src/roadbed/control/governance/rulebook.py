"""A set of policies, with everybody and everything that they are about.

Made of what is live or of what a folder declares, so that both answer the same
question in the same way.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from roadbed.access.actions import ACTIONS, ANY
from roadbed.access.authority import compile_policies
from roadbed.access.steps import INFER, questions_of, together
from roadbed.control.directory import directory_from
from roadbed.control.fields import did_you_mean
from roadbed.control.plan import definition_of
from roadbed.control.readable import (
    Content,
    choice_of,
    dataset_target,
    deployment_of,
    endpoint_target,
    pins_of,
    version_attributes,
    version_target,
)
from roadbed.control.stack import Key
from roadbed.control.state import current_resources, policies_in
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.identity.directory import Directory, Subject
from roadbed.inference.snapshot import Authority, Choice, Deployment, ModelVersion
from roadbed.registry.versions import get_version

Versions = Callable[[VersionRef], ModelVersion | None]
"""Finds a registered version, or None."""
Question = tuple[str, Target]
ANYBODY = "(anybody)"
"""Stands for the name of whoever is only known to be in a group."""
_NOW = 1


def no_versions(_ref: VersionRef) -> None:
    """Know of no version: a folder alone does not say what was registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Policies, principals and targets, as one stack has them."""

    authority: Authority
    directory: Directory
    contents: Mapping[Key, Content]
    versions: Versions = no_versions

    def principal(self, who: str) -> Principal | None:
        """Return whom *who* names, as if freshly signed in; None if nobody.

        Names are those of Bindings (`user:company/1f2e`, `group:company/risk`) or
        of the log (`user:https://login.example.com#1f2e (agent:helper)`).
        """
        name, _, acting = who.partition(" (")
        found = self._one(name)
        if found is None or not acting:
            return found
        actors = [self._one(a.strip()) for a in acting.rstrip(")").split(",")]
        if None in actors:
            return None
        return replace(found, actors=tuple(a for a in actors if a is not None))

    def questions(self, action: str, target: str) -> tuple[Question, ...]:
        """Return what has to be allowed for *action* on `Kind/name`, `name` or `*`.

        To infer on an endpoint takes the version that it serves as well.
        """
        known = ACTIONS.get(action)
        if known is None:
            hint = did_you_mean(action, ACTIONS)
            raise Invalid(f"there is no action {action!r}", hint=hint)
        kind, slash, name = target.partition("/")
        name = name if slash else target
        if slash and kind != known.kind:
            raise Invalid(
                f"{action} is done to a {known.kind}, not to a {kind}",
                hint=f"write {known.kind}/{name}",
            )
        deployment = self._deployment(name) if action == INFER else None
        if deployment is None:
            return ((action, self.target(action, known.kind, name)),)
        return questions_of(deployment)

    def target(self, action: str, kind: str, name: str) -> Target:
        """Return what *action* is done to as it is declared, or bare if it is not.

        Of an endpoint that is to infer, policies read who answers as well.
        """
        content = self.contents.get((kind, name))
        if kind == "Dataset" and content is not None:
            return dataset_target(content)
        if kind == "ModelVersion" and name != ANY:
            return self._version(parse(name))
        if kind != "Endpoint" or content is None:
            return Target(kind=kind, name=name)
        deployment = self._deployment(name) if action == INFER else None
        return deployment.target if deployment else endpoint_target(content)

    def decide(
        self, principal: Principal, questions: Iterable[Question]
    ) -> tuple[Question, Decision]:
        """Return the decision on all *questions*, and the question that it fell on."""
        asked = tuple(questions)
        decisions = self.authority.decide_all(principal, asked, _NOW)
        return asked[len(decisions) - 1], together(decisions)

    def _one(self, who: str) -> Principal | None:
        kind, _, name = who.partition(":")
        subject = self._subject(kind, name)
        found = None if subject is None else self.directory.find(subject)
        return None if found is None else replace(found, fresh_until_us=_NOW)

    def _subject(self, kind: str, name: str) -> Subject | None:
        if kind in ("service-account", "agent"):
            return Subject(kind=kind, name=name)
        if kind not in ("user", "group"):
            return None
        if kind == "user" and "#" in name:
            issuer, _, subject = name.rpartition("#")
            return Subject(kind="user", name=subject, issuer=issuer)
        company, _, rest = name.partition("/")
        for issuer, known in self.directory.companies.items():
            if known.name != company:
                continue
            if kind == "user":
                return Subject(kind="user", name=rest, issuer=issuer)
            groups = frozenset({rest})
            return Subject(kind="user", name=ANYBODY, issuer=issuer, groups=groups)
        return None

    def _deployment(self, name: str) -> Deployment | None:
        endpoint = self.contents.get(("Endpoint", name))
        if endpoint is None:
            return None
        first, *others = pins_of(endpoint)
        found = {str(pin): self._choice(pin) for pin in others}
        return deployment_of(endpoint, self._choice(first), found)

    def _choice(self, pin: VersionRef) -> Choice:
        version, model = self._known(pin), self.contents.get(("Model", pin.name))
        readable = version_attributes(model, pin, _maker(version), self.directory)
        provider = self.contents.get(("Provider", str(version.body.get("provider"))))
        return choice_of(version, readable, provider)

    def _version(self, ref: VersionRef) -> Target:
        version, model = self._known(ref), self.contents.get(("Model", ref.name))
        providers = {n: c for (k, n), c in self.contents.items() if k == "Provider"}
        maker = _maker(version)
        return version_target(model, version, self.directory, providers, maker)

    def _known(self, ref: VersionRef) -> ModelVersion:
        """Return the registered version, else one as the model is declared now."""
        found = self.versions(ref)
        if found is not None:
            return found
        model = self.contents.get(("Model", ref.name))
        made = definition_of(model) if model is not None else None
        trained = model["spec"].get("trained") if model is not None else None
        definition = made or {"trained": trained or {}}
        return ModelVersion(
            model=ref.name, number=ref.number, digest="", definition=definition
        )


def rulebook(
    contents: Mapping[Key, Content],
    versions: Versions = no_versions,
    authority: Authority | None = None,
) -> Rulebook:
    """Return the rulebook of a stack with these *contents*; raise Invalid."""
    texts = policies_in(contents.values())
    return Rulebook(
        authority=authority or compile_policies(texts),
        directory=directory_from(contents.values()),
        contents=contents,
        versions=versions,
    )


def live_rulebook(connection: sa.Connection) -> Rulebook:
    """Return the rulebook of what is live; use it while *connection* is open."""
    state = current_resources(connection)
    contents = {key: revision.content for key, revision in state.resources.items()}
    return rulebook(contents, registered(connection))


def registered(connection: sa.Connection) -> Versions:
    """Return what finds registered versions, while *connection* is open."""

    def find(ref: VersionRef) -> ModelVersion | None:
        try:
            return get_version(connection, ref)
        except NotFound:
            return None

    return find


def _maker(version: ModelVersion) -> str:
    return str(getattr(version, "actor", ""))
