"""Signing in, with an identity provider or with a key, and signing out."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.console import session
from roadbed.console.render import is_fetched
from roadbed.console.visit import Console, Refusal, Visit
from roadbed.core.decision import Target
from roadbed.core.errors import Denied, Invalid, RoadbedError, Unauthenticated
from roadbed.core.secret import Secret


def ask_to_sign_in(console: Console, request: Request) -> Response:
    """Answer 401 with the sign-in page, which leads back to what was asked.

    A session's cookie stays at home when a link on another site is followed
    (SameSite=Strict). Such a visit may well have a session, so its page reloads
    once: the reload comes from here, and the cookie with it.
    """
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if is_fetched(request):
        return Response(
            status_code=401,
            headers={"HX-Refresh": "true", "WWW-Authenticate": "Bearer"},
        )
    back = asked if request.method == "GET" else session.HOME
    return _form(console, request, 401, back=back)


def sign_in_page(console: Console, request: Request) -> Response:
    """Show the form; someone who is signed in goes on."""
    back = session.safe_return(request.query_params.get("next", ""))
    token = session.session_token(request)
    if token and console.sessions.find(token):
        return RedirectResponse(back, 303)
    return _form(console, request, 200, back=back)


async def sign_in(console: Console, request: Request) -> Response:
    """Open a session for the key in the form and go to the page that was asked."""
    try:
        form = await session.read_form(request)
    except RoadbedError as error:
        return _form(console, request, error.status, error=error)
    return await run_in_threadpool(_open, console, request, form)


def _open(console: Console, request: Request, form: dict[str, str]) -> Response:
    back = session.safe_return(form.get("next", ""))
    if session.from_elsewhere(request) or not session.form_token_matches(
        request, form.get("token", "")
    ):
        return _form(console, request, 403, back=back, error=_stale())
    key = form.get("key", "").strip()
    try:
        if not key:
            raise _empty()
        opened = console.sessions.open(Secret(key))
    except RoadbedError as error:
        console.refused(_refused_sign_in(error, f"POST {session.SIGN_IN}"))
        return _form(console, request, error.status, back=back, error=error)
    response = RedirectResponse(back, 303, {"Cache-Control": "no-store"})
    session.keep_session(request, response, opened)
    return response


def begin(console: Console, request: Request) -> Response:
    """Send the browser to the identity provider that the address names."""
    back = session.safe_return(request.query_params.get("next", ""))
    again = request.query_params.get("again") == "1"
    browser = session.browser_secret(request)
    try:
        provider = request.path_params["provider"]
        there = console.people.begin(provider, browser, back, again=again)
    except RoadbedError as error:
        return _form(console, request, error.status, back=back, trouble=error)
    response = RedirectResponse(there, 303, {"Cache-Control": "no-store"})
    session.keep_browser(request, response, browser)
    return response


def finish(console: Console, request: Request) -> Response:
    """Open a session for whom the provider vouches, and go on to the page asked for.

    The session's cookie stays at home while another site leads here, so a page of
    ours does the last step.
    """
    try:
        browser, query = session.known_browser(request), _once(request)
        if browser is None:
            raise _elsewhere()
        arrived = console.people.finish(query, browser)
    except RoadbedError as error:
        console.refused(_refused_sign_in(error, f"GET {session.CALLBACK}"))
        return _form(console, request, error.status, trouble=error)
    back = session.safe_return(arrived.back)
    response = console.renderer.page(request, "signed-in.html", back=back)
    session.keep_session(request, response, arrived.opened)
    return response


def sign_out(visit: Visit) -> Response:
    """End the session if the form is ours, and say goodbye with the sign-in page."""
    if session.from_elsewhere(visit.request) or not session.action_token_matches(
        visit.token, visit.form.get("token", "")
    ):
        raise _stale()
    visit.console.sessions.end(visit.token)
    response = RedirectResponse(session.SIGN_IN, 303, {"Cache-Control": "no-store"})
    session.forget_session(visit.request, response)
    return response


def _form(
    console: Console,
    request: Request,
    status: int,
    *,
    back: str = session.HOME,
    error: RoadbedError | None = None,
    trouble: RoadbedError | None = None,
) -> Response:
    """Show the ways in; *error* is about the key, *trouble* about a provider."""
    token = session.form_token(request)
    site = request.headers.get("sec-fetch-site", "")
    response = console.renderer.page(
        request,
        "sign-in.html",
        status,
        token=token,
        back=session.safe_return(back),
        ways=console.people.ways(),
        error=error,
        trouble=trouble,
        reload=status == 401 and not (error or trouble) and site == "cross-site",
    )
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    session.keep_form_token(request, response, token)
    return response


def _once(request: Request) -> dict[str, str]:
    """Return what the callback says; raise Invalid if it says anything twice."""
    said = request.query_params.multi_items()
    if len({name for name, _ in said}) != len(said):
        raise Invalid(
            "the answer of the provider says something twice",
            hint="begin the sign-in again below",
        )
    return dict(said)


def _refused_sign_in(error: RoadbedError, where: str) -> Refusal:
    return Refusal(
        principal=None,
        action="session.open",
        target=Target(kind="Session", name="console"),
        reason=error.message,
        where=where,
    )


def _elsewhere() -> Unauthenticated:
    return Unauthenticated(
        "this sign-in did not begin in this browser",
        hint="begin it again below; if it fails again, see that cookies are allowed "
        "and that you came by the address in ROADBED_PUBLIC_URL",
    )


def _stale() -> Denied:
    return Denied(
        "this form does not belong to this browser's visit",
        hint="it may have been open for long; try again with the form below",
    )


def _empty() -> Unauthenticated:
    return Unauthenticated(
        "no key was given", hint="paste a service account's key; it begins with rbk_"
    )
