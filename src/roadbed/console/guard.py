"""What stands before every page: the session, the permission, and kind failure."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from roadbed.console import session
from roadbed.console.render import is_fetched, is_restored
from roadbed.console.signin import ask_to_sign_in
from roadbed.console.visit import Console, Visit
from roadbed.control.masks import mask
from roadbed.core.errors import Denied, RoadbedError

Handler = Callable[[Request], Awaitable[Response]]
Page = Callable[[Visit], Response]

_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_log = logging.getLogger("roadbed.console")


class _Unexpected(RoadbedError):
    """Something broke that nobody foresaw; the log has it, the page does not."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Guard:
    """Turns a page into a handler: 401 with the sign-in page if nobody is signed in,
    403 if they may not, an error page if it fails, and else the page.

    Pages run in a worker thread, since what they ask blocks.
    """

    console: Console

    def __call__(self, action: str, page: Page) -> Handler:
        """Return the handler that shows *page* to those who may do *action*."""

        async def handler(request: Request) -> Response:
            visit = await run_in_threadpool(self.visit, request)
            if visit is None:
                return ask_to_sign_in(self.console, request)
            if request.method == "POST":
                try:
                    visit = replace(visit, form=await session.read_form(request))
                except RoadbedError as error:
                    return failure(visit, error)
            return await run_in_threadpool(_show, visit, action, page)

        return handler

    def visit(self, request: Request) -> Visit | None:
        """Return the visit, None if no live session came with *request*."""
        token = session.session_token(request)
        principal = self.console.sessions.find(token) if token else None
        if token is None or principal is None:
            return None
        return Visit(
            console=self.console,
            request=request,
            principal=principal,
            token=token,
            now_us=self.console.now_us(),
            form={},
        )


def _show(visit: Visit, action: str, page: Page) -> Response:
    try:
        visit.enter(action)
        return page(visit)
    except Denied as error:
        return refusal(visit, error, action)
    except RoadbedError as error:
        return failure(visit, error)
    # The last resort: no stack trace leaves the server, and none is lost.
    except Exception:  # noqa: BLE001
        _log.exception("the page %s failed", mask(visit.request.url.path))
        return failure(visit, _unexpected())


def _unexpected() -> RoadbedError:
    return _Unexpected(
        "this page could not be made",
        hint="the server's log says why; other pages still work",
    )


def refusal(visit: Visit, error: Denied, action: str) -> Response:
    """Say why not, and what would help: to sign in again, or to be given a role."""
    if not _wants_a_page(visit.request):
        return failure(visit, error)
    anew = visit.proving_anew(action)
    if anew:
        return visit.page("again.html", error.status, anew=anew, action=action)
    if visit.principal.kind == "user" and not visit.principal.roles:
        return visit.page("unbound.html", error.status, way=visit.way)
    return failure(visit, error)


def _wants_a_page(request: Request) -> bool:
    fetched = is_fetched(request) and not is_restored(request)
    return not (fetched or request.url.path.endswith(".json"))


def failure(visit: Visit, error: RoadbedError) -> Response:
    """Say what went wrong: as JSON, as a page, or as a notice if htmx asked."""
    if visit.request.url.path.endswith(".json"):
        plain = {"code": error.code, "message": error.message, "hint": error.hint}
        return JSONResponse({"error": plain}, error.status, _PRIVATE)
    if not is_fetched(visit.request) or is_restored(visit.request):
        return visit.page("error.html", error.status, error=error)
    response = visit.page("_notice.html", error.status, error=error)
    response.headers["HX-Retarget"] = "#notice"
    response.headers["HX-Reswap"] = "innerHTML"
    response.headers["HX-Push-Url"] = "false"
    return response


def missing(visit: Visit) -> Response:
    """Say that there is no such page; the bare folder is the first page."""
    if not visit.request.path_params["rest"]:
        return visit.go(session.HOME)
    return visit.page("missing.html", 404)
