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
    return Versions(connection).find(ref)


def targets(connection: sa.Connection, model: str) -> Callable[[Registered], Target]:
    """Return what makes targets of the versions of *model*, as it is declared now."""
    return Versions(connection).of(model)


class Versions:
    """Makes targets of versions, by the stack of one moment: for many it is read once.

    Lives no longer than the connection that it reads from.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.stack = current_resources(connection)
        self._connection = connection
        self._directory = directory_of(self.stack)
        self._providers = {p.name: p.content for p in self.stack.of("Provider")}
        self._made: dict[str, Callable[[Registered], Target]] = {}

    def of(self, model: str) -> Callable[[Registered], Target]:
        """Return what makes targets of the versions of *model*."""
        if model not in self._made:
            self._made[model] = self._of(model)
        return self._made[model]

    def find(self, ref: VersionRef) -> Target:
        """Return the version *ref* as a target, with its lists; raise NotFound."""
        return self.of(ref.name)(get_version(self._connection, ref))

    def _of(self, model: str) -> Callable[[Registered], Target]:
        content = _model(self._connection, model)
        tracked = of_registry(self._connection, model) if content is None else None

        def target(version: Registered) -> Target:
            made = version_target(
                content, version, self._directory, self._providers, version.actor
            )
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
