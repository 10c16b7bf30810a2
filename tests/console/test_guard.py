"""Who gets in: sessions, forms, permissions, and where people are led."""

import re
from dataclasses import replace

import pytest

from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.console.app import make_console
from roadbed.console.session import Way
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import Unauthenticated
from tests.console.sample import NOW, SampleData, call_id
from tests.console.served import (
    KEY,
    Authority,
    Refusals,
    Server,
    Sessions,
    Visitor,
    application,
    application_of,
    hidden,
)

ROUTES = make_console(SampleData(), Sessions(), Authority())
FILLED = {
    "name": call_id(0),
    "name:path": "console.css",
    "rest:path": "x",
    "kind": "K",
    "number": "1",
    "report": "0123456789abcdef",
    "rollout": "ro-1",
}


def filled(path):
    return re.sub(r"\{(.+?)\}", lambda match: FILLED[match[1]], path)


GUARDED = [(m, filled(p)) for m, p, action, _ in ROUTES if action != PUBLIC]


def test_every_route_names_a_known_action():
    assert {action for _, _, action, _ in ROUTES} <= {*ACTIONS, PUBLIC}


def test_only_sign_in_and_static_files_are_public():
    public = [(m, p) for m, p, action, _ in ROUTES if action == PUBLIC]

    assert public == [
        ("GET", "/console/static/{name:path}"),
        ("GET", "/console/sign-in"),
        ("POST", "/console/sign-in"),
        ("GET", "/console/sign-in/{provider}"),
        ("GET", "/console/callback"),
    ]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_session_every_page_is_401_and_asks_to_sign_in(
    stranger, method, path
):
    reply = stranger.send(method, path, None, {})

    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert 'action="/console/sign-in"' in reply.text
    assert "content-security-policy" in reply.headers


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_made_up_session_opens_nothing(stranger, method, path):
    stranger.cookies["roadbed-session"] = "A" * 43

    assert stranger.send(method, path, None, {}).status == 401


def test_sign_in_returns_to_the_page_that_was_asked(stranger):
    page = stranger.get("/console/calls?status=error").text
    form = {"key": KEY, "token": hidden(page, "token"), "next": hidden(page, "next")}
    reply = stranger.post("/console/sign-in", form)

    assert reply.status == 303
    assert reply.headers["location"] == "/console/calls?status=error"
    assert stranger.get("/console/calls?status=error").status == 200


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(stranger):
    stranger.sign_in()
    cookie = next(c for c in stranger.set_cookies if c.startswith("roadbed-session="))

    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_behind_tls_the_cookie_is_bound_to_the_host(stranger):
    stranger.get("/console", X_Forwarded_Proto="https")
    cookie = stranger.set_cookies[0]

    assert cookie.startswith("__Host-roadbed-form=")
    assert "Secure" in cookie.split("; ")


def test_a_wrong_key_is_refused_kindly_and_recorded(stranger, refusals):
    reply = stranger.sign_in("rbk_wrong_secret-of-someone")

    assert reply.status == 401
    assert "This key is not known." in reply.text
    assert "secret-of-someone" not in reply.text
    assert refusals[-1] == ("None", "session.open", "Session/console")


@pytest.mark.parametrize("token", ["", "A" * 32])
def test_a_sign_in_form_from_elsewhere_is_refused(stranger, token):
    stranger.get("/console/sign-in")
    reply = stranger.post("/console/sign-in", {"key": KEY, "token": token})

    assert reply.status == 403
    assert "roadbed-session" not in stranger.cookies


def test_another_site_cannot_sign_a_browser_in(stranger):
    token = hidden(stranger.get("/console/sign-in").text, "token")
    form = {"key": KEY, "token": token}
    reply = stranger.post("/console/sign-in", form, Sec_Fetch_Site="cross-site")

    assert reply.status == 403


def test_two_tabs_share_one_form_token(stranger):
    first = hidden(stranger.get("/console").text, "token")
    second = hidden(stranger.get("/console/calls").text, "token")

    assert first == second


def test_a_large_form_is_refused(stranger):
    reply = stranger.post("/console/sign-in", {"key": "x" * 9000})

    assert reply.status == 413


@pytest.mark.parametrize("body", ["&".join("a=1" for _ in range(50)), "%ff%fe=%00"])
def test_a_strange_form_is_refused(stranger, body):
    assert stranger.send("POST", "/console/sign-in", body, {}).status in (400, 403)


def test_a_large_sign_out_form_is_refused(reader):
    assert reader.post("/console/sign-out", {"token": "x" * 9000}).status == 413


def test_an_empty_key_is_asked_for_again(stranger):
    assert "No key was given." in stranger.sign_in(" ").text


def test_who_is_signed_in_passes_the_sign_in_page(reader):
    reply = reader.get("/console/sign-in?next=/console/audit")

    assert (reply.status, reply.headers["location"]) == (303, "/console/audit")


def test_sign_out_ends_the_session_on_the_server(reader):
    token = hidden(reader.get("/console").text, "token")
    before = dict(reader.cookies)
    reply = reader.post("/console/sign-out", {"token": token})
    reader.cookies = before

    assert reply.status == 303
    assert reader.get("/console").status == 401


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_sign_out_needs_the_token_of_its_form(reader, token):
    reply = reader.post("/console/sign-out", {"token": token})

    assert reply.status == 403
    assert reader.get("/console").status == 200


def test_what_one_may_not_do_is_403_with_the_reason_and_recorded(guest, refusals):
    reply = guest.get("/console/audit")

    assert reply.status == 403
    assert "no role of guest includes it" in reply.text
    assert refusals[-1] == ("service-account:guest", "audit.read", "AuditLog/*")


def test_what_one_may_not_read_is_not_offered(guest, refusals):
    before = len(refusals)
    page = guest.get("/console").text

    assert 'href="/console/audit"' not in page
    assert "Latest changes" not in page
    assert "Endpoints" in page
    assert len(refusals) == before


def test_payloads_need_their_own_permission(guest):
    page = guest.get(f"/console/calls/{call_id(0)}").text
    reply = guest.get(f"/console/calls/{call_id(0)}/payload")

    assert "call.read-payload" in page
    assert "/payload" not in page
    assert reply.status == 403
    assert "17.99" not in reply.text


def test_a_poll_after_the_session_ended_reloads_the_page(stranger):
    reply = stranger.get("/console/calls", HX_Request="true", HX_Target="div#live")

    assert (reply.status, reply.text) == (401, "")
    assert reply.headers["hx-refresh"] == "true"


def test_a_link_from_another_site_reloads_once_to_get_its_cookie(stranger):
    first = stranger.get("/console/calls", Sec_Fetch_Site="cross-site")
    second = stranger.get("/console/calls", Sec_Fetch_Site="same-origin")

    assert 'http-equiv="refresh"' in first.text
    assert 'http-equiv="refresh"' not in second.text


def test_a_failing_page_says_so_and_tells_nothing(caplog):
    class Broken(SampleData):
        def endpoints(self, now_us):
            raise RuntimeError("connection to db-7.internal refused")

    with Server(application(Broken(), refused=Refusals())) as server:
        visitor = Visitor(server)
        visitor.sign_in()
        reply = visitor.get("/console/endpoints")

    assert reply.status == 500
    assert "This page could not be made." in reply.text
    assert "db-7" not in reply.text
    assert "db-7" in caplog.text


IDP = "https://login.example.com"
ADA = Principal(kind="user", name=f"{IDP}#2489", roles=frozenset({"viewer"}), title="A")


class Company:
    """One provider, and nobody who comes from it."""

    def ways(self):
        return (Way(name="company", issuer=IDP, address="/console/sign-in/company"),)

    def begin(self, provider, browser, back, *, again):
        return f"{IDP}/auth"

    def finish(self, query, browser):
        raise Unauthenticated("nobody")


class OnlyWhenFresh(Authority):
    """Allows it to whoever has just proven who they are."""

    def decide(self, principal, action, target, now_us=0):
        allowed = principal.fresh_until_us > NOW
        return Decision(allowed=allowed, reasons=("freshness",), policy_digest="")


@pytest.fixture
def company_server():
    """A console whose pages all take a fresh proof; Ada has an open session."""
    sessions = Sessions()
    sessions.open_now["A" * 43] = ADA
    routes = make_console(
        SampleData(),
        sessions,
        OnlyWhenFresh(),
        refused=Refusals(),
        now_us=lambda: NOW,
        people=Company(),
    )
    with Server(application_of(routes)) as running:
        yield running, sessions


def test_a_privileged_page_asks_to_sign_in_again_and_comes_back(company_server):
    server, _ = company_server
    visitor = Visitor(server)
    visitor.cookies["roadbed-session"] = "A" * 43
    reply = visitor.get("/console/calls?status=error")

    assert reply.status == 403
    assert "Prove once more that it is you" in reply.text
    led = (
        "/console/sign-in/company?next=%2Fconsole%2Fcalls%3Fstatus%3Derror&amp;again=1"
    )
    assert f'href="{led}"' in reply.text


def test_after_signing_in_again_the_page_is_there(company_server):
    server, sessions = company_server
    visitor = Visitor(server)
    visitor.cookies["roadbed-session"] = "A" * 43
    sessions.open_now["A" * 43] = replace(ADA, fresh_until_us=NOW + 1)

    assert visitor.get("/console/calls").status == 200


def test_the_cookie_of_a_sign_in_comes_back_from_another_site(company_server):
    visitor = Visitor(company_server[0])
    visitor.get("/console/sign-in/company", X_Forwarded_Proto="https")
    [cookie] = visitor.set_cookies

    assert cookie.startswith("__Host-roadbed-sign-in=")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= set(cookie.split("; "))


def test_a_callback_of_a_stranger_is_refused_and_recorded(company_server):
    visitor = Visitor(company_server[0])
    reply = visitor.get("/console/callback?code=x&state=y")

    assert reply.status == 401
    assert "This sign-in did not begin in this browser." in reply.text
    assert "Sign in with company" in reply.text


def test_without_a_provider_there_is_nothing_to_begin(stranger):
    reply = stranger.get("/console/sign-in/company")

    assert reply.status == 404
    assert "No identity provider is declared here." in reply.text
