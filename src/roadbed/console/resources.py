"""Resources: what is declared, which revisions led there, and one thing's history."""

from starlette.responses import Response

from roadbed.console.visit import Visit


def resources(visit: Visit) -> Response:
    """Show what is declared and the latest revisions."""
    return visit.page("resources.html", view=visit.data.changes())


def resource(visit: Visit) -> Response:
    """Show one resource and each of its revisions, field by field."""
    view = visit.data.resource(visit.named("kind"), visit.named("name"))
    return visit.page("resource.html", view=view)
