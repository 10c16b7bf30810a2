"""What people try with tokens, and what comes of it."""

import hashlib
import http.client
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Unauthenticated
from roadbed.identity.directory import Rule, Subject
from roadbed.identity.federation import satisfies
from roadbed.identity.jwt import read
from roadbed.identity.prove import ACCESS_TOKEN, ID_TOKEN, JWT
from roadbed.identity.signing import retire_signing_key
from roadbed.server.oauth import TOKEN_EXCHANGE
from tests.issuers import SECOND, Minter, part
from tests.possession import Holder
from tests.server.tokens import GITHUB, token_estate

RULE = Rule(
    name="ci",
    issuer="https://token.actions.githubusercontent.com",
    audience="roadbed",
    claims=GITHUB,
    subject=Subject(kind="service-account", name="ci"),
)


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with token_estate(tmp_path_factory.mktemp("abuse")) as made:
        yield made


def status(estate, token, path="/api/v1/whoami"):
    """Return the status of a request with *token*; it must say nothing of our code."""
    code, _, told = estate.line.ask("GET", path, token)
    assert "Traceback" not in str(told)
    return code


class Inside:
    """Somebody who has a signing key of ours, to show that this is not all it takes."""

    def __init__(self, estate):
        self.line = estate.line
        self.signing = estate.line.app.tokens.signing

    def claims(self, **claims):
        now = self.line.app.now_us() // SECOND
        usual = {
            "iss": self.line.url,
            "aud": self.line.url,
            "sub": "service-account:ci",
            "iat": now,
            "exp": now + 300,
            "jti": "inside",
            "auth_time": now,
            "since": now,
            "via": [],
        }
        return {k: v for k, v in (usual | claims).items() if v is not ...}

    def token(self, **claims):
        return self.signing.sign(self.claims(**claims))

    def with_header(self, **header):
        """Sign a header of ours that says more, or something else."""
        kid = self.signing.ensure()
        told = {"alg": "ES256", "kid": kid, "typ": "at+jwt"} | header
        told = {k: v for k, v in told.items() if v is not ...}
        text = f"{part(told)}.{part(self.claims())}"
        return f"{text}.{part(self.signing._signers.sign(kid, text.encode()))}"


@pytest.fixture(scope="module")
def inside(estate):
    return Inside(estate)


def test_a_token_that_names_its_own_way_of_being_believed_is_refused(estate, inside):
    """Case 1: alg none, HS256 with a public key, an embedded key, crit, no kid."""
    own = Minter(estate.line.url)
    public = own.jwks["keys"][0]
    headers = [
        {"alg": "none"},
        {"alg": "HS256"},
        {"kid": "unknown"},
        {"kid": ...},
        {"jwk": public},
        {"jku": "https://elsewhere.example/jwks"},
        {"crit": ["x"], "x": 1},
        {"typ": "JWT"},
        {"typ": ...},
    ]
    assert status(estate, inside.with_header()) == 200

    for header in headers:
        assert status(estate, inside.with_header(**header)) == 401, header
    embedded = own.signed({"alg": "ES256", "kid": own.kid, "jwk": public}, {})
    unsigned = f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(inside.claims())}."
    assert [status(estate, t) for t in (embedded, unsigned)] == [401, 401]
    entry = estate.line.audited("session.read", "denied")[0]
    assert entry["actor"] == "nobody"
    assert entry["detail"]["reason"]


def test_claims_that_only_resemble_the_right_ones_are_refused(estate, inside):
    """Case 2: lists, texts, booleans and nothing where one exact value belongs."""
    now, url = estate.now_us() // SECOND, estate.line.url
    wrong = [
        {"iss": [url]},
        {"iss": [url, "https://elsewhere.example"]},
        {"iss": url + "/"},
        {"aud": []},
        {"aud": [url]},
        {"aud": [url, "other"]},
        {"aud": url + ".elsewhere.example"},
        {"aud": ...},
        {"exp": str(now + 300)},
        {"exp": True},
        {"exp": ...},
        {"exp": now + 300.5},
        {"exp": 30 * 10**15},
        {"iat": now, "exp": now + 901},
        {"iat": now + 3600, "exp": now + 3700},
        {"sub": ""},
        {"sub": ...},
        {"sub": ["service-account:ci"]},
        {"sub": "operator"},
        {"jti": ...},
        {"via": ...},
        {"act": {"sub": "nobody"}},
        {"act": []},
    ]
    assert status(estate, inside.token()) == 200

    for claims in wrong:
        assert status(estate, inside.token(**claims)) == 401, claims


def test_json_and_other_forms_of_a_signature_are_not_read_at_all(estate, inside):
    """Case 3: JSON serialisation, empty signatures, other counts of parts, 8 KB."""
    head, body, signature = inside.token().split(".")
    flat = {"payload": body, "protected": head, "signature": signature}
    general = {"payload": body, "signatures": []}
    forms = [
        json.dumps(flat),
        json.dumps(general),
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature}.",
        f"{head}..{signature}",
        f"{head}.{body}.{signature}" + "A" * 8192,
        f"{head}.{body}.{signature}=",
    ]

    for form in forms:
        assert status(estate, form) == 401, form[:40]
        assert estate.exchange(form)[0] == 401, form[:40]


@pytest.mark.parametrize("shared", [20, 40, 100, 200])
def test_tokens_that_begin_alike_are_never_mistaken_for_each_other(
    estate, inside, shared
):
    """Case 4: what is remembered of a token is found by all of it."""
    mine, other = estate.for_ci(), estate.for_agent()
    forged = mine[:shared] + other[shared:]
    verifier = estate.line.parts.switch.snapshot.tokens

    assert status(estate, mine) == status(estate, other) == 200
    assert mine[:20] == other[:20]
    assert status(estate, forged) == 401 or forged in (mine, other)
    whole = {hashlib.sha256(t.encode()).digest() for t in (mine, other)}
    assert whole <= verifier._seen.keys()


def test_what_is_remembered_of_a_token_ends_when_the_token_does(estate):
    """Case 4: an entry dies at exp, not with the next restart."""
    token = estate.for_ci()
    verifier = estate.line.parts.switch.snapshot.tokens
    ends_us = read(token).claims["exp"] * SECOND
    before = verifier.authenticate(token, ends_us - 1)

    assert before.name == "ci"
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.authenticate(token, ends_us)


def test_a_token_for_somebody_else_or_of_another_kind_is_refused(estate, inside):
    """Case 5: another audience, an ID token as access token, a wrong type."""
    elsewhere = inside.token(aud="https://elsewhere.example")
    raw = [elsewhere, estate.id_token(), estate.ci_token(), estate.agent_token()]
    ours, workload, person = estate.for_ci(), estate.ci_token(), estate.id_token()
    crossed = [
        *((ours, kind) for kind in (JWT, ID_TOKEN)),
        *((workload, kind) for kind in (ACCESS_TOKEN, ID_TOKEN)),
        *((person, kind) for kind in (ACCESS_TOKEN, JWT)),
        (estate.id_token(aud="another-client"), ID_TOKEN),
        (estate.id_token(aud=["console", "another-client"]), ID_TOKEN),
        (estate.id_token(azp="another-client"), ID_TOKEN),
        (estate.ci_token(aud="another-line"), JWT),
        (estate.ci_token(header={"typ": "at+jwt"}), JWT),
    ]

    assert [status(estate, token) for token in raw] == [401] * len(raw)
    for token, kind in crossed:
        assert estate.exchange(token, kind)[0] == 401, kind
        assert estate.exchange(person, ID_TOKEN, token, kind)[0] == 401, kind


def test_the_same_name_from_another_issuer_is_somebody_else(estate):
    """Case 6: a principal is issuer and subject; an e-mail address proves nothing."""
    stranger = Minter("https://elsewhere.example")
    stranger.key = estate.idp.key
    token = stranger.token(now_us=estate.now_us(), sub="2489", aud="console")
    posing = estate.id_token(sub="3107", email="ada@example.com", name="Ada", groups=[])
    me = estate.access(posing, ID_TOKEN)
    told = estate.line.ask("GET", "/api/v1/whoami", me)[2]

    assert estate.exchange(token, ID_TOKEN)[0] == 401
    assert told["principal"] == f"user:{estate.idp.issuer}#3107"
    assert told["roles"] == []
    assert "ada" not in told["principal"].lower()


def test_what_is_revoked_for_a_subject_reaches_all_it_has(estate):
    """Case 9: a disabled subject's tokens stop within five seconds, and their heirs."""
    token = estate.for_agent("leaver")
    heir = estate.access(token)
    person = estate.id_token()
    delegated = estate.access(person, ID_TOKEN, actor=token)
    stale = estate.agent_token("leaver")
    body = {"subject": "agent:leaver"}
    done = estate.line.ask("POST", "/api/v1/tokens/revoke", estate.line.key, body)
    estate.line.settled(401, "/api/v1/whoami", token)

    assert done[0] == 200
    assert [status(estate, t) for t in (heir, delegated)] == [401, 401]
    assert estate.exchange(stale, JWT)[0] == 401
    assert status(estate, estate.for_person()) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"repository_id": "75"},
        {"repository_id": "75", "repository": "octo/shop"},
        {"repository_owner_id": "66"},
        {"ref": "refs/heads/feature"},
        {"ref": "refs/pull/7/merge", "event_name": "pull_request"},
        {"event_name": "pull_request_target"},
        {"event_name": "issue_comment"},
        {"workflow_ref": "octo/shop/.github/workflows/other.yml@refs/heads/main"},
        {"repository_id": 74},
        {"repository_id": ["74"]},
        {"repository_id": ...},
        {"ref": "refs/heads/main\u0000"},
    ],
)
def test_a_ci_job_of_a_fork_a_branch_or_a_namesake_gets_nothing(changed):
    """Case 10: fork, other branch, same name but other id, pull_request_target."""
    claims = GITHUB | {"event_name": "push"}
    told = {k: v for k, v in (claims | changed).items() if v is not ...}

    assert satisfies(RULE, claims)
    assert not satisfies(RULE, told)


def test_a_token_is_never_worth_more_than_what_was_shown(estate, inside):
    """Case 11: scope, life, age of the proof and rights are at most the bearer's."""
    now = estate.now_us() // SECOND
    short = estate.ci_token(exp=now + 30, iat=now - 3000)
    claims = read(estate.access(short, JWT)).claims
    scoped = estate.for_ci(scope="session.read token.exchange")
    wider = estate.exchange(scoped, scope="session.read stack.apply token.exchange")
    invented = estate.exchange(scoped, roles="operator", sub="service-account:operator")

    assert claims["exp"] <= now + 30
    assert claims["auth_time"] <= now - 3000
    assert (wider[0], wider[2]["error"]) == (400, "invalid_scope")
    assert read(invented[2]["access_token"]).claims["sub"] == "service-account:ci"
    granted = read(invented[2]["access_token"]).claims["scope"].split()
    assert set(granted) <= {"session.read", "token.exchange"}


def test_who_acts_for_somebody_is_never_allowed_more_than_both(estate):
    """Case 11: an agent beside a person does what both may, and what it was given."""
    agent = estate.for_agent()
    token = estate.access(estate.id_token(), ID_TOKEN, actor=agent)
    looped = estate.exchange(token, actor=agent)
    person = estate.exchange(agent, actor=estate.for_person())
    nested = estate.exchange(estate.id_token(), ID_TOKEN, actor=token)

    assert status(estate, token) == 200
    assert status(estate, token, "/api/v1/runs") == 403
    assert status(estate, estate.for_person(), "/api/v1/runs") == 200
    assert [answer[0] for answer in (looped, person, nested)] == [403, 403, 403]
    entry = estate.line.audited("run.read", "denied")[0]
    assert entry["actor"] == f"user:{estate.idp.issuer}#2489 (agent:triage)"


def test_what_a_key_signed_ends_with_the_key(estate):
    """Case 4: a retired signing key takes what it signed with it."""
    token = estate.for_ci()
    kid = read(token).kid
    with estate.line.app.database.write() as connection:
        retire_signing_key(connection, kid, estate.now_us(), retired_by="user:ada")
    estate.line.settled(401, "/api/v1/whoami", token)
    renewed = estate.for_ci()
    estate.line.settled(200, "/api/v1/whoami", renewed)

    assert read(renewed).kid != kid
    assert status(estate, token) == 401


def test_a_bound_token_is_worth_nothing_without_its_key(estate):
    """Case 12: a replayed jti, a wrong htu or htm, no ath, another key: 401."""
    holder, thief = Holder(), Holder()
    line, me = estate.line, "/api/v1/whoami"
    bought = {"DPoP": holder.proof("POST", line.url + "/oauth/token", estate.now_us())}
    fields = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": estate.ci_token(),
        "subject_token_type": JWT,
    }
    code, _, told = line.form(bought, **fields)
    token = told["access_token"]

    def send(by, path=me, scheme="DPoP", address="", method="GET", **claims):
        claimed = {"token": token} | claims
        proof = by.proof(method, address or line.url + path, estate.now_us(), **claimed)
        headers = {"Authorization": f"{scheme} {token}", "DPoP": proof}
        first = line.ask("GET", path, headers=headers)[0]
        return first, line.ask("GET", path, headers=headers)[0]

    assert (code, told["token_type"]) == (200, "DPoP")
    assert line.form(bought, **fields)[2]["error"] == "invalid_dpop_proof"
    assert send(holder) == (200, 401)
    assert send(holder, "/v1/models") == (200, 401)
    assert status(estate, token) == 401
    assert line.ask("GET", "/v1/models", token)[0] == 401
    refused = [
        send(thief),
        send(holder, scheme="Bearer"),
        send(holder, address=line.url + "/v1/models"),
        send(holder, method="POST"),
        send(holder, ath=...),
        send(holder, token="another"),
        send(holder, iat=0),
    ]
    assert refused == [(401, 401)] * len(refused)
    assert estate.exchange(token)[0] == 401


def raw(estate, header):
    """Send *header* as bytes; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", estate.line.port, timeout=20)
    connection.putrequest("GET", "/api/v1/whoami", skip_host=False)
    connection.putheader("Authorization", header)
    connection.endheaders()
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    assert b"Traceback" not in told
    return answer.status


NO_LINE_ENDS = st.binary(max_size=300).filter(lambda b: not set(b) & set(b"\r\n"))


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(
        [b"", b"Bearer ", b"bearer  ", b"Basic ", b"DPoP ", b"Bearer e30."]
    ),
    NO_LINE_ENDS,
)
@example(b"Bearer ", b"e30.e30.e30")
@example(b"Bearer ", b"\xff\xfe.\x00.\x00")
def test_whatever_stands_in_the_authorization_header_opens_nothing(estate, head, tail):
    """Case 1: bytes of any kind are 401, or 400 where they are no header at all."""
    assert raw(estate, head + tail) in (400, 401)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]), st.text() | st.integers()
    ),
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "act", "via", "scope"]),
        st.none() | st.text() | st.integers() | st.lists(st.text(), max_size=2),
    ),
)
def test_no_made_up_token_is_believed_or_breaks_anything(estate, header, claims):
    """Case 1: a token of any claims, signed by nobody we know, is 401."""
    kid = estate.line.app.tokens.signing.ensure()
    told = {"alg": "ES256", "kid": kid, "typ": "at+jwt"} | header
    token = f"{part(told)}.{part(claims)}.{part(b'x' * 64)}"

    assert raw(estate, b"Bearer " + token.encode()) == 401
