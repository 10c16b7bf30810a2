"""Requests to AWS, signed (Signature Version 4) by botocore's signer."""

import logging
from collections.abc import Mapping

from roadbed.core.errors import Unavailable
from roadbed.core.secret import Secret

_SERVICE = "bedrock"


def require_botocore() -> None:
    """Raise Unavailable, with what to do, if the extra is not installed.

    The signer writes what it signs into the log, the session's token with it, if all
    is logged: so it is silenced.
    """
    try:
        import botocore.auth
        import botocore.credentials
        import botocore.eventstream  # noqa: F401
    except ImportError:
        raise Unavailable(
            "the provider bedrock needs botocore",
            hint="install Roadbed with its extra `bedrock`",
        ) from None
    logging.getLogger("botocore.auth").setLevel(logging.WARNING)


def signed(
    key: Secret, region: str, url: str, body: bytes, headers: Mapping[str, str]
) -> dict[str, str]:
    """Return *headers* with the signature of a POST of *body* to *url* among them.

    *key* is the bundle of the key's id, the key, and the session's token if it has one.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    identity, secret, *token = (part.reveal() for part in key.parts)
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    credentials = Credentials(identity, secret, token[0] if token else None)
    SigV4Auth(credentials, _SERVICE, region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}
