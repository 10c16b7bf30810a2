"""What an MLflow client is told when something went wrong: `error_code`, `message`."""

import msgspec

from roadbed.core.errors import (
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    LimitExceeded,
    NotFound,
    NotReady,
    RoadbedError,
    TooLarge,
    Unauthenticated,
)
from roadbed.server.errors import Reply, TooSlow, WrongMethod, in_dialect


class AlreadyExists(Conflict):
    """What is to be made is there already; clients look for this code."""

    code = "already_exists"
    status = 400


class NoSuchRoute(NotFound):
    """The address leads nowhere: clients try another one, or do without."""

    code = "endpoint_not_found"


class NotOffered(RoadbedError):
    """A part of the protocol that this server does not speak."""

    code = "not_implemented"
    status = 501


_CODES: tuple[tuple[type[RoadbedError], str], ...] = (
    (AlreadyExists, "RESOURCE_ALREADY_EXISTS"),
    (NoSuchRoute, "ENDPOINT_NOT_FOUND"),
    (WrongMethod, "ENDPOINT_NOT_FOUND"),
    (NotOffered, "NOT_IMPLEMENTED"),
    (Invalid, "INVALID_PARAMETER_VALUE"),
    (TooLarge, "INVALID_PARAMETER_VALUE"),
    (TooSlow, "REQUEST_LIMIT_EXCEEDED"),
    (Unauthenticated, "UNAUTHENTICATED"),
    (Denied, "PERMISSION_DENIED"),
    (NotFound, "RESOURCE_DOES_NOT_EXIST"),
    (Conflict, "RESOURCE_CONFLICT"),
    (LimitExceeded, "REQUEST_LIMIT_EXCEEDED"),
    (NotReady, "TEMPORARILY_UNAVAILABLE"),
    (Corrupt, "DATA_LOSS"),
)


def body_of(error: RoadbedError) -> dict[str, str]:
    """Return *error* as MLflow's clients read it."""
    code = next((c for kind, c in _CODES if isinstance(error, kind)), "INTERNAL_ERROR")
    told = f"{error.message} ({error.hint})" if error.hint else error.message
    return {"error_code": code, "message": told}


def told(error: RoadbedError) -> Reply:
    """Return the answer to *error*."""
    return in_dialect(body_of, error)


def encode(value: object) -> bytes:
    """Return *value* as JSON."""
    return msgspec.json.encode(value)
