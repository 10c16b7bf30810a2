"""Find models and versions as policies read them, by the names that clients use."""

import sqlalchemy as sa

from roadbed.access.visible import own
from roadbed.control.state import newest_revision
from roadbed.control.targets import find, find_model, find_version
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.core.resource import tenant_of
from roadbed.registry.clients import logged
from roadbed.registry.tracking import models, versions
from roadbed.registry.tracking.models import TrackedModel
from roadbed.registry.tracking.versions import TrackedVersion
from roadbed.server.mlflow.route import Asked, Sought


def name_of(ask: Asked) -> str:
    """Return the model that a request names; raise Invalid if it names none."""
    name = ask.fields.text("name", 500)
    if not name.strip():
        raise Invalid("Registered model name cannot be empty.")
    if "/" in name or ":" in name:
        raise Invalid(
            f"Invalid name: {name[:80]!r}. Registered model names cannot contain the "
            "characters '/' and ':'"
        )
    return name


def number_of(ask: Asked) -> int:
    """Return the version that a request names; raise Invalid."""
    version = ask.fields.text("version", 20)
    if not version.isascii() or not version.isdigit() or len(version) > 9:
        raise Invalid(
            f"Parameter 'version' must be an integer, got {version[:20]!r}",
            hint="versions are numbered from 1",
        )
    return int(version)


def declared_tenant(connection: sa.Connection, name: str) -> str | None:
    """Return the tenant of the declared Model called *name*, None if there is none."""
    found = newest_revision(connection, "Model", name)
    return None if found is None else tenant_of(found.content)


def model_target(connection: sa.Connection, found: TrackedModel) -> Target:
    """Return a model as policies read it: as it is declared, or by its tenant."""
    declared = find(connection, "Model", found.model)
    return declared or undeclared(found.model, found.tenant)


def undeclared(model: str, tenant: str) -> Target:
    """Return a model that only clients know as a target."""
    return Target(kind="Model", name=model, attributes={"tenant": tenant})


def model_named(ask: Asked) -> Sought:
    """Find the model that a request names."""
    name = name_of(ask)
    with ask.services.database.read() as connection:
        found = models.find(connection, ask.tenant, name)
        target = model_target(connection, found) if found else None
    return Sought(target, name, models.missing(name))


def model_to_be(ask: Asked) -> Sought:
    """Find the model that a request makes: as it is declared, or of the tenant."""
    name = name_of(ask)
    with ask.services.database.read() as connection:
        declared = own(ask.principal, find_model(connection, name))
        slug = registry_name(ask, connection, name)
    return Sought(declared or undeclared(slug, ask.tenant), name, models.missing(name))


def registry_name(ask: Asked, connection: sa.Connection, name: str) -> str:
    """Return what the registry calls, or will call, the model that a client names."""
    declared = declared_tenant(connection, name)
    return models.registry_name(ask.tenant, name, declared)


def version_named(ask: Asked) -> Sought:
    """Find the version that a request names."""
    name, number = name_of(ask), number_of(ask)
    with ask.services.database.read() as connection:
        found = models.find(connection, ask.tenant, name)
        target = None
        if found and versions.find(connection, found.model, number):
            target = find_version(connection, f"{found.model}@{number}")
    shown = f"{found.model if found else name}@{number}"
    return Sought(target, shown, versions.missing(name, str(number)))


def model_of_version(ask: Asked) -> Sought:
    """Find the model whose version a request changes; the version has to be there."""
    sought = version_named(ask)
    with ask.services.database.read() as connection:
        found = models.find(connection, ask.tenant, name_of(ask))
        target = model_target(connection, found) if found else None
    return Sought(target if sought.target else None, name_of(ask), sought.missing)


def version_called(connection: sa.Connection, model: str, number: int) -> Sought:
    """Find a version by the registry's name of its model, deleted or not."""
    ref = f"{model}@{number}"
    missing = f"No such artifact: registry/{model[:80]}/{number}"
    return Sought(find_version(connection, ref), ref, missing)


def logged_named(ask: Asked) -> Sought:
    """Find the logged model that an address names: it is as the run that keeps it."""
    return logged_called(ask, ask.params["model_id"])


def logged_called(ask: Asked, id: str) -> Sought:
    """Find a logged model by its id."""
    with ask.services.database.read() as connection:
        found = logged.find(connection, id[:200])
    target = None
    if found is not None:
        attributes = {"tenant": found.tenant}
        target = Target(kind="Run", name=found.run_id, attributes=attributes)
    return Sought(target, id, logged.missing(id))


def pair_of(
    ask: Asked, connection: sa.Connection
) -> tuple[TrackedModel, TrackedVersion]:
    """Return the model and the version that a request names; raise NotFound."""
    found = models.get(connection, ask.tenant, name_of(ask))
    return found, versions.get(connection, found, number_of(ask))
