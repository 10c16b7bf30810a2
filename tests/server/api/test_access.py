"""Keys are made, shown once, listed without their secrets, and revoked."""


def test_whoami_says_what_a_caller_may_do(estate):
    _, _, me = estate.ask("GET", "/api/v1/whoami", "app")

    assert me["principal"] == "service-account:app"
    assert me["roles"] == ["app"]
    assert set(me["actions"]) == {
        "endpoint.infer",
        "endpoint.read",
        "version.infer",
        "call.feedback",
        "token.exchange",
        "session.read",
        "session.end",
    }


def test_a_key_is_shown_once_and_can_be_revoked(estate):
    wanted = {"account": "operator", "days": 7}
    status, _, made = estate.ask("POST", "/api/v1/keys", "operator", wanted)
    listed = estate.ask("GET", "/api/v1/keys", "security-admin")
    ended = estate.ask("DELETE", f"/api/v1/keys/{made['id']}", "security-admin")
    after = estate.ask("GET", "/api/v1/keys", "security-admin")[2]["keys"]

    assert status == 201
    assert made["secret"].startswith("rbk_")
    assert made["secret"] not in str(listed)
    assert ended[0] == 200
    assert [k["revoked_by"] for k in after if k["id"] == made["id"]] == [
        "service-account:security-admin"
    ]


def test_a_key_is_no_way_to_more_than_its_maker_may(estate):
    wanted = {"account": "operator"}
    status, _, told = estate.ask("POST", "/api/v1/keys", "security-admin", wanted)
    found = "/api/v1/audit/entries?action=key.create&outcome=denied"
    entries = estate.ask("GET", found, "auditor")[2]["entries"]

    assert status == 403
    assert "operator may do stack.apply" in told["detail"]
    assert entries[0]["actor"] == "service-account:security-admin"


def test_a_key_for_nobody_is_not_made(estate):
    told = estate.ask("POST", "/api/v1/keys", "security-admin", {"account": "nobody"})

    assert told[0] == 404
    assert "declared: operator" in told[2]["hint"]


def test_a_key_that_would_outlive_its_welcome_is_not_made(estate):
    wanted = {"account": "operator", "days": 900}
    status, _, told = estate.ask("POST", "/api/v1/keys", "security-admin", wanted)

    assert status == 400
    assert told["problems"][0]["field"] == "days"
