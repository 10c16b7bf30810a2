"""The reference page of the HTTP API: every route, what it needs, what it does."""

_INTRO = """\
# HTTP API

Send a key as `Authorization: Bearer …`. The action is what the key's account must be
allowed to do ([access.md](access.md)); `public` needs no key. A running server
describes the same in OpenAPI 3.1 at `/api/openapi.json`. Every answer to a call
carries the call's id in `x-roadbed-call`.

| method | path | action | what it does |
|---|---|---|---|"""


def api_page() -> str:
    """Return the page as Markdown: one line for each route, in the order of paths."""
    from roadbed.access.actions import PUBLIC
    from roadbed.server.hot import HOT_ROUTES
    from roadbed.server.metrics import Metrics
    from roadbed.server.oauth import OPEN_ROUTES
    from roadbed.server.table import BESIDE, api_routes

    own = (*HOT_ROUTES, *OPEN_ROUTES, *api_routes(Metrics()))
    routes = [*own, *BESIDE]
    listed = [(r.path, r.method, r.action, r.summary) for r in routes]
    listed.append(("/healthz", "GET", PUBLIC, "Say whether this process is well"))
    rows = [
        f"| {method} | `{path}` | `{action}` | {summary} |"
        for path, method, action, summary in sorted(listed)
    ]
    return "\n".join([_INTRO, *rows, ""])
