"""Who is signed in, as Roadbed sees them."""

from starlette.responses import Response

from roadbed.console.visit import Visit


def whoami(visit: Visit) -> Response:
    """Show the principal: who vouched for them, their groups and their roles."""
    issuer, _, subject = visit.principal.name.partition("#")
    return visit.page("whoami.html", way=visit.way, issuer=issuer, subject=subject)
