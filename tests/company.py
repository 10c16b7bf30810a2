"""A line whose people come from a real identity provider."""

from contextlib import contextmanager

from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.clock import SystemClock, to_us
from roadbed.core.secret import Secret
from roadbed.identity.directory import Company
from roadbed.identity.issuers import Issuers
from roadbed.identity.relying import RelyingParty
from tests.acceptance.line import Line
from tests.idp import CLI_CLIENT, CLIENT, SECRET, NodeIdp, need_node

PEOPLE = """
apiVersion: roadbed/v1
kind: IdentityProvider
metadata:
  name: company
spec:
  issuer: {issuer}
  client_id: {client}
  client_secret: secret://file/idp
  device_client_id: {cli}
---
apiVersion: roadbed/v1
kind: Binding
metadata:
  name: engineers
spec:
  roles: [platform-engineer, security-admin]
  subjects: ["group:company/eng"]
"""


@contextmanager
def company(folder, **more):
    """Yield a line that is served, with its provider as `line.idp`."""
    need_node()
    line = Line(folder / "line", private_hosts="127.0.0.1", seal_seconds=3600)
    line.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    callback = f"{line.base}/console/callback"
    with NodeIdp(folder, callback, poll_seconds=1, **more) as idp:
        line.idp, line.callback = idp, callback
        line.start_stack()
        secrets = line.folder / ".roadbed" / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "idp").write_text(SECRET)
        (secrets / "idp").chmod(0o600)
        declare(line)
        line.up()
        try:
            yield line
        finally:
            line.stop()


def declare(line, text=PEOPLE):
    """Declare the provider and who is bound to what, and apply it."""
    filled = text.format(issuer=line.idp.issuer, client=CLIENT, cli=CLI_CLIENT)
    (line.folder / "people.yaml").write_text(filled)
    line.run("apply", "--yes")


class OneSecret:
    """Has one secret, whatever it is asked for."""

    def __init__(self, value=SECRET):
        self._value = value

    def resolve(self, reference):
        return Secret(self._value)


def now_us():
    """Return the time on the wall."""
    return to_us(SystemClock().now())


def relying_party(secret=SECRET, clock=now_us):
    """Return what asks providers on this machine."""
    web = GuardedWeb(("127.0.0.1",))
    return RelyingParty(
        web=web, secrets=OneSecret(secret), issuers=Issuers(web, clock), now_us=clock
    )


def company_of(issuer, **more):
    """Return the provider at *issuer* as it is declared."""
    told = {"client_id": CLIENT, "client_secret": "secret://file/idp"}
    told |= {"device_client_id": CLI_CLIENT}
    return Company(name="company", issuer=issuer, **told | more)
