"""What the pages say, before any browser looks at them."""

import json

import pytest

from tests.console.sample import CALLS, HEAD, call_id
from tests.console.served import Visitor

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGES = [
    ("/console", "Overview"),
    ("/console/calls", "Calls"),
    (f"/console/calls/{call_id(0)}", "Why this answer"),
    (f"/console/calls/{call_id(1)}", "Why this answer"),
    (f"/console/calls/{call_id(0)}/proof", "Proof"),
    (f"/console/calls/{call_id(0)}/payload", "Request and response"),
    ("/console/endpoints", "Endpoints"),
    ("/console/endpoints/reply-draft", "reply-draft"),
    ("/console/endpoints/wine-quality", "wine-quality"),
    ("/console/spend", "Spend"),
    ("/console/spend?by=label:cost-centre&range=24h", "Spend"),
    ("/console/resources", "Resources"),
    ("/console/resources/Endpoint/tumor-triage", "tumor-triage"),
    ("/console/audit", "Audit"),
]


@pytest.mark.parametrize(("path", "heading"), PAGES)
def test_every_page_has_its_heading_and_the_strict_policy(reader, path, heading):
    reply = reader.get(path)

    assert reply.status == 200
    assert f"<h1>{heading}</h1>" in reply.text
    assert reply.headers["content-security-policy"].startswith(POLICY)
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"


def test_only_a_fragment_names_its_nonce(reader):
    page = reader.get("/console/calls")
    part = reader.get("/console/calls", HX_Request="true", HX_Target="div#live")

    assert "'nonce-" not in page.headers["content-security-policy"]
    assert "script-src 'self' 'nonce-" in part.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "target", "start"),
    [
        ("/console", "live", '<div id="live"'),
        ("/console/calls", "live", '<div id="live"'),
        ("/console/calls", "board", '<div id="board"'),
        ("/console/endpoints", "live", '<div id="live"'),
        ("/console/audit", "board", '<div id="board"'),
        ("/console/runs", "board", '<div id="board"'),
    ],
)
def test_htmx_gets_only_the_part_it_asks_for(reader, path, target, start):
    reply = reader.get(path, HX_Request="true", HX_Target=f"div#{target}")

    assert reply.text.lstrip().startswith(start)
    assert "<html" not in reply.text


def test_the_back_button_gets_the_whole_page(reader):
    reply = reader.get(
        "/console/calls",
        HX_History_Restore_Request="true",
    )

    assert "<html" in reply.text
    assert "<script" not in reply.text
    assert "'nonce-" in reply.headers["content-security-policy"]


def test_another_spelling_of_a_filter_leads_to_its_address(reader):
    reply = reader.get("/console/calls?status=error&endpoint=&range=24h&peek=")

    assert reply.status == 303
    assert reply.headers["location"] == "/console/calls?status=error"


def test_a_filter_form_pushes_the_canonical_address(reader):
    reply = reader.get(
        "/console/calls?endpoint=&status=error&range=24h",
        HX_Request="true",
        HX_Source="form",
        HX_Target="div#board",
    )

    assert reply.headers["hx-push-url"] == "/console/calls?status=error"


def test_the_filter_reaches_the_data(reader, data):
    reader.get("/console/calls?endpoint=handbook&model=handbook@1&range=1h")
    wanted = data.asked[-1][1]

    assert (wanted.endpoint, wanted.model, wanted.range) == (
        "handbook",
        "handbook@1",
        "1h",
    )


def test_pages_follow_one_another_by_cursor(reader):
    first = reader.get("/console/calls").text
    older = reader.get(f"/console/calls?before={CALLS[49].call_id}").text

    assert f"before={CALLS[49].call_id}" in first
    assert CALLS[49].call_id in first
    assert f'id="call-{CALLS[50].call_id}"' in older
    assert f'id="call-{CALLS[49].call_id}"' not in older


def test_a_call_is_found_by_its_id(reader):
    reply = reader.get("/console/calls?find=eu%2F..%2Fx")

    assert (reply.status, reply.headers["location"]) == (
        303,
        "/console/calls/eu%2F..%2Fx",
    )


def test_the_panel_has_its_own_address(reader):
    page = reader.get(f"/console/calls?peek={call_id(3)}").text

    assert '<aside class="peek"' in page
    assert call_id(3) in page
    assert "<!doctype html>" in page


def test_a_panel_for_no_call_says_so_beside_the_list(reader):
    reply = reader.get("/console/calls?peek=eu-nothing")

    assert reply.status == 200
    assert "No call is called" in reply.text
    assert f'id="call-{call_id(0)}"' in reply.text


def test_the_chain_is_there_as_json_and_as_a_command(reader):
    page = reader.get(f"/console/calls/{call_id(0)}").text
    reply = reader.get(f"/console/calls/{call_id(0)}.json")

    assert f"roadbed why {call_id(0)}" in page
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.text)["call_id"] == call_id(0)


def test_json_fails_as_json(reader):
    reply = reader.get("/console/calls/eu-nothing.json")

    assert reply.status == 404
    assert json.loads(reply.text)["error"]["code"] == "not_found"


def test_a_chart_has_a_table_twin_with_every_feature(reader):
    page = reader.get(f"/console/calls/{call_id(0)}").text

    assert page.count('role="img"') == 1
    assert "smoothness error" in page
    assert "worst concave points = 0.183" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/nowhere", 404),
        ("/console/calls/eu-nothing", 404),
        ("/console/endpoints/nothing", 404),
        ("/console/resources/Endpoint/nothing", 404),
        ("/console/calls?status=banana", 400),
        ("/console/audit?before=x", 400),
        ("/console/spend?by=banana", 400),
        ("/console/spend?range=15m", 400),
    ],
)
def test_what_is_not_there_is_said_on_a_page_with_a_way_back(reader, path, status):
    reply = reader.get(path)

    assert reply.status == status
    assert "Back to the overview" in reply.text


def test_a_failing_part_becomes_a_notice_and_leaves_the_page(reader):
    reply = reader.get(
        "/console/calls?status=banana", HX_Request="true", HX_Target="div#board"
    )

    assert reply.status == 400
    assert reply.headers["hx-retarget"] == "#notice"
    assert reply.headers["hx-push-url"] == "false"
    assert "<html" not in reply.text


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/console", "roadbed init"),
        ("/console/calls", "/v1/chat/completions"),
        ("/console/calls?range=all", "/v1/chat/completions"),
        ("/console/endpoints", "roadbed apply"),
        ("/console/spend", "kind: Budget"),
        ("/console/spend", "kind: PriceList"),
        ("/console/resources", "roadbed init"),
        ("/console/audit", "roadbed apply"),
    ],
)
def test_an_empty_page_teaches_the_next_command(empty_server, path, command):
    visitor = Visitor(empty_server)
    visitor.sign_in()

    assert command in visitor.get(path).text


def test_the_audit_page_shows_the_log_and_its_checkpoint(reader):
    page = reader.get("/console/audit?outcome=denied").text

    assert f"{HEAD.size:,}" in page
    assert "signed over 1,198 entries" in page
    assert "roadbed audit verify" in page
    assert "stack.apply" not in page.partition("<tbody>")[2]


def test_static_files_are_named_by_their_content_and_kept(reader, stranger):
    page = reader.get("/console").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    exact = stranger.get(address)
    stale = stranger.get("/console/static/console.css?v=old")

    assert "immutable" in exact.headers["cache-control"]
    assert stale.headers["cache-control"] == "no-cache"
    assert exact.text == stale.text


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "vendor/README.md", "", "none.css"]
)
def test_only_listed_files_are_served(stranger, name):
    assert stranger.get(f"/console/static/{name}").status == 404


@pytest.mark.parametrize(("cookie", "marked"), [("dark", True), ("x onload=1", False)])
def test_the_chosen_theme_is_written_by_the_server(reader, cookie, marked):
    reader.cookies["roadbed-theme"] = cookie

    assert ('data-theme="dark"' in reader.get("/console").text) == marked


def test_the_bare_folder_leads_to_the_first_page(reader):
    assert reader.get("/console/").headers["location"] == "/console"
