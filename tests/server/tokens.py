"""A line that takes tokens of two issuers: one for workloads, one for people."""

import json
from contextlib import contextmanager

from roadbed.identity.prove import ACCESS_TOKEN, ID_TOKEN, JWT
from roadbed.server.oauth import TOKEN_EXCHANGE
from tests.control.stacks import OPERATOR, resource
from tests.issuers import SECOND, Minter, publishing
from tests.served_line import serving

GITHUB = {
    "repository_id": "74",
    "repository_owner_id": "65",
    "workflow_ref": "octo/shop/.github/workflows/deploy.yml@refs/heads/main",
    "ref": "refs/heads/main",
}

AGENT = """
owner: desk
roles: [viewer]
mandate: [token.exchange, endpoint.read, session.read]
"""
POD = "system:serviceaccount:desk:"


def accounts():
    return [
        OPERATOR,
        resource("ServiceAccount", "ci", "roles: [ci, viewer]"),
        resource("ServiceAccount", "legacy", "{roles: [viewer], keys: true}"),
        resource("Agent", "triage", AGENT),
        resource("Agent", "leaver", AGENT),
    ]


def federation(name, minter, account, claims, audience="roadbed"):
    spec = {
        "issuer": minter.issuer,
        "audience": audience,
        "account": account,
        "claims": claims,
    }
    return resource("Federation", name, json.dumps(spec))


class Estate:
    """The line, and who makes tokens for it."""

    def __init__(self, line, ci, idp):
        self.line, self.ci, self.idp = line, ci, idp

    def now_us(self):
        return self.line.app.now_us()

    def ci_token(self, header=None, **claims):
        told = GITHUB | {"sub": "repo:octo/shop:ref:refs/heads/main"} | claims
        return self.ci.token(header=header, now_us=self.now_us(), **told)

    def agent_token(self, name="triage"):
        """Return what a cluster gives a pod: its audience is a list of one."""
        told = {"sub": POD + name, "aud": ["cluster"]}
        return self.ci.token(now_us=self.now_us(), **told)

    def id_token(self, **claims):
        now = self.now_us() // SECOND
        told = {"aud": "console", "sub": "2489", "groups": ["eng"], "auth_time": now}
        return self.idp.token(now_us=self.now_us(), **(told | claims))

    def key_of(self, account):
        body = {"account": account}
        made = self.line.ask("POST", "/api/v1/keys", self.line.key, body)
        assert made[0] == 201, made
        secret = made[2]["secret"]
        self.line.settled(200, "/api/v1/whoami", secret)
        return secret, made[2]["id"]

    def exchange(self, token, kind=ACCESS_TOKEN, actor="", actor_type="", **more):
        fields = {"grant_type": TOKEN_EXCHANGE, "subject_token": token}
        fields["subject_token_type"] = kind
        if actor:
            fields |= {
                "actor_token": actor,
                "actor_token_type": actor_type or ACCESS_TOKEN,
            }
        return self.line.form(**fields, **more)

    def access(self, token, kind=ACCESS_TOKEN, **more):
        status, _, told = self.exchange(token, kind, **more)
        assert status == 200, told
        return told["access_token"]

    def for_ci(self, **more):
        return self.access(self.ci_token(), JWT, **more)

    def for_agent(self, name="triage"):
        return self.access(self.agent_token(name), JWT)

    def for_person(self, **more):
        return self.access(self.id_token(), ID_TOKEN, **more)


@contextmanager
def token_estate(folder, database=""):
    """Serve such a line for the length of the block."""
    ci, idp = Minter(algorithm="RS256"), Minter()
    with publishing(ci), publishing(idp):
        provider = (
            f"{{issuer: '{idp.issuer}', client_id: console, device_client_id: cli}}"
        )
        stack = [
            *accounts(),
            federation("ci", ci, "ci", GITHUB),
            *(
                federation(name, ci, f"agent:{name}", {"sub": POD + name}, "cluster")
                for name in ("triage", "leaver")
            ),
            resource("IdentityProvider", "company", provider),
            resource(
                "Binding", "eng", "{roles: [viewer], subjects: ['group:company/eng']}"
            ),
        ]
        with serving(folder, *stack, database=database) as line:
            yield Estate(line, ci, idp)
