"""One model version as a target, as it is declared and known at this moment."""

from collections.abc import Callable

import sqlalchemy as sa

from roadbed.control.directory import directory_of
from roadbed.control.readable import Content, version_target
from roadbed.control.state import current_resources, revisions
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef
from roadbed.registry.tracking.models import of_registry
from roadbed.registry.versions import Registered, get_version


def target_of(connection: sa.Connection, ref: VersionRef) -> Target:
    """Return the version *ref* as a target, with its lists; raise NotFound."""
    return targets(connection, ref.name)(get_version(connection, ref))


def targets(connection: sa.Connection, model: str) -> Callable[[Registered], Target]:
    """Return what makes targets of the versions of *model*, as it is declared now."""
    state = current_resources(connection)
    content = _model(connection, model)
    directory = directory_of(state)
    providers = {p.name: p.content for p in state.of("Provider")}
    tracked = of_registry(connection, model) if content is None else None

    def target(version: Registered) -> Target:
        made = version_target(content, version, directory, providers, version.actor)
        if tracked is None:
            return made
        attributes = {**made.attributes, "tenant": tracked.tenant}
        return Target.fixed(made.kind, made.name, attributes)

    return target


def _model(connection: sa.Connection, name: str) -> Content | None:
    """Return what was last declared of a model: its lists outlive it."""
    try:
        return revisions(connection, "Model", name)[0].content
    except NotFound:
        return None
