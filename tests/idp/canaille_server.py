"""Canaille as an identity provider with one person and two clients, in memory.

    python tests/idp/canaille_server.py PORT REDIRECT_URI

Another implementation, with other habits: `lax` is a client as Canaille's own command
makes it, without an audience, so that its ID tokens say `aud: []`.
"""

import sys

from canaille import create_app
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

PERSON, PASSWORD, SECRET = "ada", "correct horse battery", "only-for-tests"


def application(address):
    """Return Canaille with its configuration, and nobody in it."""
    key = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
    return create_app(
        {
            "SECRET_KEY": "only for tests",
            "SERVER_NAME": address,
            "PREFERRED_URL_SCHEME": "http",
            "TESTING": False,
            "CANAILLE": {"LOGGING": None, "DATABASE": "memory"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key]},
        },
        env_file=None,
    )


def fill(app, redirect_uri):
    """Add a person in a group, a proper client and a lax one."""
    from canaille.app import models  # noqa: PLC0415
    from canaille.backends import Backend  # noqa: PLC0415

    backend = Backend.instance
    person = models.User(
        user_name=PERSON,
        password=PASSWORD,
        formatted_name="Ada",
        family_name="Ada",
        emails=["ada@example.com"],
    )
    backend.save(person)
    backend.save(models.Group(display_name="eng", members=[person]))
    for name in ("roadbed", "lax"):
        client = models.Client(
            client_id=name,
            client_secret=SECRET,
            client_name=name,
            client_uri="http://127.0.0.1",
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            scope=["openid", "profile", "groups"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
        )
        backend.save(client)
        if name == "roadbed":
            client.audience = [client]
            backend.save(client)


if __name__ == "__main__":
    port, redirect_uri = int(sys.argv[1]), sys.argv[2]
    app = application(f"127.0.0.1:{port}")
    with app.app_context():
        fill(app, redirect_uri)
    sys.stdout.write(f"identity provider on http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()
