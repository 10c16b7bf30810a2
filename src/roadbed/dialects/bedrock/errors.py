"""Bedrock's errors: the same names before an answer, and inside its stream."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from roadbed.core.errors import ProviderError, Unavailable
from roadbed.core.secret import Secret
from roadbed.dialects.failures import by_status, message_of, scrub

DIALECT = "bedrock"

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "accessdenied": 403,
        "conflict": 400,
        "internalserver": 500,
        "modelerror": 424,
        "modelnotready": 429,
        "modelstreamerror": 424,
        "modeltimeout": 408,
        "resourcenotfound": 404,
        "servicequotaexceeded": 429,
        "serviceunavailable": 503,
        "throttling": 429,
        "validation": 400,
    }
)
"""The statuses of its exceptions, by their names in small letters.

AWS tells of an exceeded quota with 400, as if the request were at fault: it is not.
"""
_NAME = re.compile(r"([A-Za-z]{1,60}?)(?:Exception)?(?:[:#].*)?")


def status_of(name: str, default: int = 500) -> int:
    """Return the status of the exception *name*, such as `throttlingException`."""
    found = _NAME.fullmatch(name.rpartition("#")[2])
    return STATUSES.get(found[1].lower(), default) if found else default


def refused(
    status: int, body: bytes, key: Secret | None, wait_s: float | None = None
) -> ProviderError:
    """Return the error for *status*; a model that failed (424) may do better again."""
    if status == 424:
        return Unavailable("the model failed (424)", upstream_status=424)
    return by_status(status, scrub(message_of(body), key), wait_s)
