"""What strangers try at the sign-in, each against a real provider and a real server."""

import html
import re
import time
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from roadbed.audit.outbox import logged
from roadbed.cli import _device
from roadbed.core.errors import Denied
from roadbed.core.secret import Secret
from roadbed.database.engine import open_database
from roadbed.identity.device import SLOWER_S, Waiting
from tests.company import PEOPLE, company, company_of, declare, relying_party
from tests.console.served import Visitor
from tests.idp import ADA, GRACE, Browser, NodeIdp, approve_device, sign_in_at

NO_BINDING = PEOPLE.rpartition("---")[0]
PARTNER = """---
apiVersion: roadbed/v1
kind: IdentityProvider
metadata:
  name: partner
spec:
  issuer: {partner}
  client_id: roadbed
  client_secret: secret://file/idp
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    # However slow the machine is, whoever polls here does so too fast.
    with company(tmp_path_factory.mktemp("abuse"), hasty_ms=60_000) as running:
        yield running


@pytest.fixture
def visitor(line):
    return Visitor(line)


def begin(visitor, back="/console", provider="company", more=""):
    """Begin a sign-in; return the provider's address."""
    asked = urlencode({"next": back})
    reply = visitor.get(f"/console/sign-in/{provider}?{asked}{more}")
    assert reply.status == 303, reply.text
    return reply.headers["location"]


def callback(line, address, sub=ADA["sub"]):
    """Sign in at the provider; return path and query that it leads back to."""
    led = sign_in_at(Browser(), address, line.callback, sub)
    return led.removeprefix(line.base)


def enter(line, visitor, sub=ADA["sub"], **more):
    """Sign in, all the way."""
    reply = visitor.get(callback(line, begin(visitor, **more), sub))
    assert reply.status == 200, reply.text
    return reply


def changed(path, **fields):
    """Return *path* with other fields in its query; None takes one away."""
    place, _, query = path.partition("?")
    said = {name: values[0] for name, values in parse_qs(query).items()} | fields
    return place + "?" + urlencode({k: v for k, v in said.items() if v is not None})


def refused(line, visitor, path):
    """Follow *path* and return the reason, which is on the audit log as well."""
    reply = visitor.get(path)
    assert reply.status in (400, 401, 403), reply.text
    assert "Sign in with company" in reply.text
    assert "roadbed-session" not in visitor.cookies
    assert visitor.get("/console").status == 401
    alert = re.search(r'role="alert">.*?</p>', reply.text, re.S)[0]
    told = html.unescape(re.sub(r"<[^>]+>", " ", alert)).lower()
    said = reasons(line)
    assert said and said[-1].removesuffix(" (GET /console/callback)").lower() in told
    return told


def reasons(line):
    """Return why sign-ins were refused, as the audit log has it, the last one last."""
    database = open_database(f"sqlite:///{line.folder}/.roadbed/control.db")
    with closing(database), database.read() as connection:
        found = logged(connection, lambda c: (c.action == "session.open",))
    denied = [e for e in found if (e.outcome, e.actor) == ("denied", "nobody")]
    return [entry.detail["reason"] for entry in denied]


def test_a_code_that_was_used_buys_nothing_twice(line, visitor):
    """Case 7: the same callback, and the same code in another sign-in."""
    path = callback(line, begin(visitor))
    visitor.get(path)
    visitor.cookies.pop("roadbed-session")
    again = refused(line, visitor, path)
    state = parse_qs(urlsplit(begin(visitor)).query)["state"][0]

    assert "finished already" in again
    assert "gave no id token" in refused(line, visitor, changed(path, state=state))


def test_a_code_of_one_browser_is_worth_nothing_in_another(line, visitor):
    """Case 7: the verifier of another sign-in (PKCE), and another browser's state."""
    theirs = callback(line, begin(Visitor(line)))
    mine = parse_qs(urlsplit(begin(visitor)).query)["state"][0]

    assert "gave no id token" in refused(line, visitor, changed(theirs, state=mine))
    assert "another browser" in refused(line, visitor, theirs)
    stranger = Visitor(line)
    assert "did not begin in this browser" in refused(line, stranger, theirs)


@pytest.mark.parametrize("state", [None, "", "altered", "' OR 1=1 --", "x" * 5000])
def test_a_state_that_is_missing_or_altered_is_refused(line, visitor, state):
    """Case 7: nobody is signed in who did not ask to be."""
    path = callback(line, begin(visitor))

    assert "not known here" in refused(line, visitor, changed(path, state=state))


@pytest.mark.parametrize("iss", [None, "https://evil.example", "http://127.0.0.1"])
def test_an_answer_of_another_issuer_is_refused(line, visitor, iss):
    """Case 7: RFC 9207, also when the name is missing though it was promised."""
    path = callback(line, begin(visitor))
    reason = refused(line, visitor, changed(path, iss=iss))

    assert "does not come from the provider that was asked" in reason


def test_an_answer_that_says_something_twice_is_refused(line, visitor):
    """Case 7: no two readers may see two codes."""
    path = callback(line, begin(visitor)) + "&code=other"

    assert "twice" in refused(line, visitor, path)


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example",
        "/console/../v1/models",
        "/console/callback?code=x",
        "/console/sign-in/company",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_led_out_of_the_console_after_signing_in(line, visitor, back):
    """Case 7: an open redirect in `next` leads to the first page."""
    reply = enter(line, visitor, back=back)
    led = re.search(r'content="0; url=([^"]*)"', reply.text)[1]

    assert urljoin(line.base, led) == line.base + "/console"


def test_the_redirect_does_not_follow_the_host_header(line, visitor):
    """Case 7: where the provider leads back to is a setting, not what a caller says."""
    misled = visitor.get("/console/sign-in/company", Host="evil.example")
    reply = visitor.get("/console/sign-in/company", X_Forwarded_Host="evil.example")
    asked = parse_qs(urlsplit(reply.headers["location"]).query)

    assert misled.status == 421
    assert asked["redirect_uri"] == [line.callback]
    assert asked["code_challenge_method"] == ["S256"]
    assert (asked["response_type"], asked["scope"]) == (["code"], ["openid profile"])


def test_polling_too_fast_makes_us_slower_not_ruder(line):
    """Case 8: `slow_down` adds five seconds to every pause from then on."""
    relying, there = relying_party(), company_of(line.idp.issuer)
    first = relying.begin_device(there)
    second = relying.poll(there, first)
    third = relying.poll(there, second)

    assert isinstance(second, Waiting) and isinstance(third, Waiting)
    assert (first.interval_s, second.interval_s) == (1, 1)
    assert third.interval_s == 1 + SLOWER_S


def test_the_pauses_are_those_that_the_provider_asks_for(line, capsys):
    """Case 8: and neither the device's code nor a token is ever shown."""
    relying, there = relying_party(), company_of(line.idp.issuer)
    pauses, shown = [], ""

    def sleep(seconds):
        nonlocal shown
        pauses.append(seconds)
        shown += capsys.readouterr().out
        if len(pauses) == 3:
            address = re.search(r"code in it: (\S+)", shown)[1]
            approve_device(Browser(), address)

    tokens = _device.sign_in(relying, there, sleep)
    shown += "".join(capsys.readouterr())
    assert pauses == [1, 1, 1 + SLOWER_S]
    assert relying.prove(there, tokens).subject.name == ADA["sub"]
    for secret in (tokens.id_token, tokens.refresh_token):
        assert secret.reveal() not in shown + repr(tokens)


@pytest.mark.parametrize("code", ["guess", "A" * 43, ""])
def test_a_guessed_device_code_is_worth_nothing(line, code):
    """Case 8: and the sign-in ends there, instead of going on guessing."""
    relying, there = relying_party(), company_of(line.idp.issuer)
    waiting = relying.begin_device(there)

    with pytest.raises(Denied):
        relying.poll(there, replace(waiting, code=Secret(code)))
    assert waiting.code.reveal() not in repr(waiting)


def test_an_equal_e_mail_address_makes_nobody_another_person(line, visitor):
    """Case 6: a person is issuer and subject; Grace has Ada's address, and no role."""
    enter(line, visitor, GRACE["sub"])
    page = visitor.get("/console/whoami").text

    assert f"user:{line.idp.issuer}#3107" in page
    assert GRACE["email"] == ADA["email"] and GRACE["email"] not in page
    assert visitor.get("/console").status == 403


def test_the_same_subject_of_another_issuer_is_another_person(line, tmp_path):
    """Case 6: and holds none of the first one's roles."""
    with NodeIdp(tmp_path, line.callback) as partner:
        declare(line, PEOPLE + PARTNER.replace("{partner}", partner.issuer))
        visitor = Visitor(line)
        within(30, lambda: "partner" in visitor.get("/console/sign-in").text)
        enter(line, visitor, provider="partner")
        page = visitor.get("/console/whoami").text
        status = visitor.get("/console").status
        declare(line)

    assert f"user:{partner.issuer}#2489" in page
    assert "platform-engineer" not in page
    assert status == 403


def test_who_loses_a_binding_loses_the_roles_soon(line, visitor):
    """Case 9: the open session stays, and is worth nothing."""
    enter(line, visitor)
    before = visitor.get("/console").status
    declare(line, NO_BINDING)
    within(30, lambda: visitor.get("/console").status == 403)
    declare(line)
    within(30, lambda: visitor.get("/console").status == 200)

    assert before == 200


def test_sessions_end_with_the_provider_that_is_no_longer_declared(line, visitor):
    """Case 9: nobody goes on who came through a door that was closed."""
    enter(line, visitor)
    people = line.folder / "people.yaml"
    kept = people.read_text()
    people.unlink()
    line.run("apply", "--yes")
    within(30, lambda: visitor.get("/console/whoami").status == 401)
    people.write_text(kept)
    line.run("apply", "--yes")
    within(30, lambda: visitor.get("/console/sign-in/company").status == 303)

    assert visitor.get("/console/sign-in/elsewhere").status == 404


def test_who_leaves_a_group_is_without_it_at_the_next_sign_in(line, visitor):
    """Case 9: groups are those of the sign-in, which lasts eight hours at most."""
    line.idp.put(ADA["sub"], name="Ada", groups=["former"])
    enter(line, visitor)
    page = visitor.get("/console/whoami").text
    line.idp.put(**ADA)

    assert "company/former" in page
    assert visitor.get("/console").status == 403


def within(seconds, holds):
    """Wait until it *holds*; fail if it does not in time."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not within {seconds} s"
        time.sleep(0.05)
