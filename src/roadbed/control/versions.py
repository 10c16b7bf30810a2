"""One model version as a target, as it is declared and known at this moment."""

import sqlalchemy as sa

from roadbed.control.directory import directory_of
from roadbed.control.state import current_resources, revisions
from roadbed.control.targets import Content, version_target
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef
from roadbed.registry.versions import get_version


def target_of(connection: sa.Connection, ref: VersionRef) -> Target:
    """Return the version *ref* as a target, with its lists; raise NotFound."""
    version = get_version(connection, ref)
    state = current_resources(connection)
    providers = {p.name: p.content for p in state.of("Provider")}
    return version_target(
        _model(connection, ref.name),
        version,
        directory_of(state),
        providers,
        version.actor,
    )


def _model(connection: sa.Connection, name: str) -> Content | None:
    """Return what was last declared of a model: its lists outlive it."""
    try:
        return revisions(connection, "Model", name)[0].content
    except NotFound:
        return None
