"""A line whose people come from a real identity provider."""

from contextlib import contextmanager

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
