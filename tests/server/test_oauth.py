"""The token endpoint, over real sockets, with real issuers and both databases."""

import base64

import pytest
import sqlalchemy as sa

from roadbed.database.engine import open_database
from roadbed.identity.jwt import read
from roadbed.identity.prove import ACCESS_TOKEN, ID_TOKEN, JWT
from roadbed.server.oauth import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from tests.server.tokens import token_estate


def begin_anew(url):
    """Leave nothing of what other tests put into the database at *url*."""
    opened = open_database(url)
    with opened.write() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    opened.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def estate(request, tmp_path_factory):
    database = ""
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_url")
        begin_anew(database)
    with token_estate(tmp_path_factory.mktemp("tokens"), database) as made:
        yield made


def whoami(estate, token):
    status, _, told = estate.line.ask("GET", "/api/v1/whoami", token)
    assert status == 200, told
    return told


def test_a_ci_job_gets_in_without_any_key(estate):
    status, headers, told = estate.exchange(estate.ci_token(), JWT)
    me = whoami(estate, told["access_token"])
    listed = estate.line.ask("GET", "/v1/models", told["access_token"])

    assert (status, headers["cache-control"]) == (200, "no-store")
    assert told["token_type"] == "Bearer"
    assert told["issued_token_type"] == ACCESS_TOKEN
    assert 0 < told["expires_in"] <= 300
    assert (me["principal"], me["roles"]) == ("service-account:ci", ["ci", "viewer"])
    assert listed[0] == 200


def test_a_person_is_the_issuers_subject_with_the_roles_of_the_stack(estate):
    me = whoami(estate, estate.for_person())

    assert me["principal"] == f"user:{estate.idp.issuer}#2489"
    assert (me["kind"], me["roles"]) == ("user", ["viewer"])


def test_a_key_buys_a_token_by_exchange_and_as_a_clients_secret(estate):
    secret, _ = estate.key_of("legacy")
    by_exchange = estate.access(secret)
    fields = {"grant_type": CLIENT_CREDENTIALS, "client_id": "legacy"}
    status, _, told = estate.line.form(**fields, client_secret=secret)
    basic = estate.line.form(
        {"Authorization": basic_of("legacy", secret)}, grant_type=CLIENT_CREDENTIALS
    )

    assert status == basic[0] == 200
    for token in (by_exchange, told["access_token"], basic[2]["access_token"]):
        assert whoami(estate, token)["principal"] == "service-account:legacy"


def basic_of(client, secret):

    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    ("client", "secret"),
    [("operator", "of legacy"), ("legacy", "rbk_no"), ("", ""), ("legacy", "")],
)
def test_a_client_without_its_own_key_is_refused(estate, client, secret):
    if secret == "of legacy":
        secret = estate.line.key
        client = "legacy"
    status, headers, told = estate.line.form(
        grant_type=CLIENT_CREDENTIALS, client_id=client, client_secret=secret
    )

    assert (status, told["error"]) == (401, "invalid_client")
    assert "www-authenticate" in headers


def test_an_agent_acts_for_a_person_and_the_log_says_so(estate):
    token = estate.access(estate.id_token(), ID_TOKEN, actor=estate.for_agent())
    claims = read(token).claims
    entry = estate.line.audited("token.exchange")[0]

    assert claims["act"] == {"sub": "agent:triage"}
    assert entry["actor"] == f"user:{estate.idp.issuer}#2489 (agent:triage)"
    assert entry["resource"] == f"Token/{claims['jti']}"
    assert entry["detail"]["actors"] == ["agent:triage"]
    assert entry["detail"]["audience"] == estate.line.url
    assert token.rpartition(".")[2] not in str(entry)


def test_what_a_token_says_is_exactly_what_was_decided(estate):
    token = estate.for_ci(scope="session.read endpoint.read", audience=estate.line.url)
    told = read(token)

    assert told.header.keys() == {"alg", "kid", "typ"}
    assert (told.header["alg"], told.header["typ"]) == ("ES256", "at+jwt")
    assert told.claims["iss"] == told.claims["aud"] == estate.line.url
    assert told.claims["sub"] == "service-account:ci"
    assert told.claims["scope"] == "endpoint.read session.read"
    assert told.claims["exp"] - told.claims["iat"] <= 600
    assert "roles" not in told.claims


def test_a_scoped_token_does_what_its_scope_names_and_nothing_else(estate):
    token = estate.for_ci(scope="session.read token.exchange")
    wider = estate.exchange(token, scope="session.read audit.read")
    narrower = estate.exchange(token, scope="session.read")

    assert estate.line.ask("GET", "/api/v1/whoami", token)[0] == 200
    assert estate.line.ask("GET", "/metrics", token)[0] == 403
    assert (wider[0], wider[2]["error"]) == (400, "invalid_scope")
    assert (narrower[0], narrower[2]["scope"]) == (200, "session.read")
    assert estate.exchange(narrower[2]["access_token"])[0] == 403


def test_the_server_says_where_tokens_are_made(estate):
    status, _, told = estate.line.ask("GET", "/.well-known/oauth-authorization-server")
    keys = estate.line.ask("GET", "/oauth/jwks.json")

    assert status == keys[0] == 200
    assert told["issuer"] == estate.line.url
    assert told["token_endpoint"] == estate.line.url + "/oauth/token"
    assert TOKEN_EXCHANGE in told["grant_types_supported"]
    [key] = keys[2]["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert key["kid"] == read(estate.for_ci()).kid


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": TOKEN_EXCHANGE}, "invalid_request"),
        ({"grant_type": TOKEN_EXCHANGE, "subject_token": "a"}, "invalid_request"),
        (
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": "a",
                "subject_token_type": "saml",
            },
            "invalid_request",
        ),
        (
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": "a",
                "subject_token_type": JWT,
                "actor_token_type": JWT,
            },
            "invalid_request",
        ),
    ],
)
def test_what_is_no_request_is_said_to_be_none(estate, fields, error):
    status, headers, told = estate.line.form(**fields)

    assert (status, told["error"]) == (400, error)
    assert headers["cache-control"] == "no-store"
    assert told["error_description"]


def test_another_body_than_a_form_is_refused(estate):
    form = {"content-type": "application/x-www-form-urlencoded"}
    twice = b"grant_type=a&grant_type=b"
    json = estate.line.ask("POST", "/oauth/token", body={"grant_type": "x"})
    answers = [
        estate.line.ask("POST", "/oauth/token", body=body, headers=form)[0]
        for body in (twice, b"\xff\xfe", b"a=%ff", b"a=" + b"x" * 70_000)
    ]

    assert json[2]["error"] == "invalid_request"
    assert answers == [400, 400, 400, 413]


def test_tokens_are_made_for_this_line_and_no_other(estate):
    status, _, told = estate.exchange(
        estate.ci_token(), JWT, audience="https://elsewhere.example"
    )

    assert (status, told["error"]) == (400, "invalid_target")


def test_a_refusal_is_on_the_log_with_its_reason_and_nothing_of_the_token(estate):
    canary = "canary-9d1c"
    estate.exchange(estate.ci_token(repository_id=canary), JWT)
    entry = estate.line.audited("token.exchange", "denied")[0]

    assert entry["actor"] == "nobody"
    assert "satisfy no Federation" in entry["detail"]["reason"]
    assert "POST /oauth/token" in entry["detail"]["reason"]
    assert canary not in str(entry)


def test_a_revoked_token_is_refused_on_every_route_within_a_second(estate):
    token, other = estate.for_ci(), estate.for_ci()
    made_from_it = estate.access(token)
    body = {"token_id": read(token).claims["jti"]}
    done = estate.line.ask("POST", "/api/v1/tokens/revoke", estate.line.key, body)
    seconds = estate.line.settled(401, "/api/v1/whoami", token)

    assert done[0] == 200
    assert seconds < 5
    assert estate.line.ask("GET", "/v1/models", token)[0] == 401
    assert estate.line.ask("GET", "/api/v1/whoami", made_from_it)[0] == 401
    assert estate.exchange(token)[0] == 401
    assert estate.line.ask("GET", "/api/v1/whoami", other)[0] == 200


@pytest.mark.parametrize(
    "body", [{}, {"token_id": "a", "subject": "agent:a"}, {"subject": "nobody"}]
)
def test_a_revocation_names_one_token_or_one_subject(estate, body):
    status, _, told = estate.line.ask(
        "POST", "/api/v1/tokens/revoke", estate.line.key, body
    )

    assert (status, told["code"]) == (400, "invalid")


def test_who_may_not_revoke_cannot(estate):
    body = {"subject": "agent:triage"}

    assert estate.line.ask("POST", "/api/v1/tokens/revoke", "", body)[0] == 401
    assert (
        estate.line.ask("POST", "/api/v1/tokens/revoke", estate.for_ci(), body)[0]
        == 403
    )
