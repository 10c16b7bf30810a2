"""Every error Roadbed raises on purpose.

RoadbedError
  Invalid (Unpinned), TooLarge, Unauthenticated, Denied (GateFailed), NotFound,
  Conflict, NotReady (Overloaded), Corrupt, BudgetExhausted, LimitExceeded,
  ProviderError (RateLimited, Unavailable, TimedOut, Truncated, Refused)
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with an input: where it is, what it is, what to do."""

    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    field: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        field = f"{self.field}: " if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{field}{self.message}{hint}"


class RoadbedError(Exception):
    """Something went wrong that the caller can act upon."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")


class Invalid(RoadbedError):
    """The input breaks a rule; `problems` says where and what to do."""

    code = "invalid"
    status = 400
    exit_code = 2

    def __init__(
        self, message: str, *, hint: str = "", problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class Unpinned(Invalid):
    """A name that its owner may point elsewhere stands where a pin is needed."""

    code = "unpinned"


class TooLarge(RoadbedError):
    """The request is larger than this server accepts."""

    code = "too_large"
    status = 413


class Unauthenticated(RoadbedError):
    """No valid credential came with the request."""

    code = "unauthenticated"
    status = 401
    exit_code = 4


class Denied(RoadbedError):
    """The caller is known and may not do this; the message carries the reason."""

    code = "permission_denied"
    status = 403
    exit_code = 4


class GateFailed(Denied):
    """A version has not shown what it takes to go into production."""

    code = "gate_failed"
    exit_code = 3


class NotFound(RoadbedError):
    """The resource does not exist, or you may not know that it does."""

    code = "not_found"
    status = 404


class Conflict(RoadbedError):
    """Someone changed this resource since you read it."""

    code = "conflict"
    status = 409
    exit_code = 5


class NotReady(RoadbedError):
    """The server cannot serve this yet; try again shortly."""

    code = "not_ready"
    status = 503


class Overloaded(NotReady):
    """The server has more to do than it can; calls of lower priority wait."""

    code = "overloaded"


class BudgetExhausted(RoadbedError):
    """A budget has not enough left for this call; waiting a moment does not help."""

    code = "budget_exhausted"
    status = 429


class LimitExceeded(RoadbedError):
    """A limit of ours was reached; `retry_after_s` says when to come back."""

    code = "limit_exceeded"
    status = 429

    def __init__(
        self, message: str, *, hint: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Corrupt(RoadbedError):
    """Stored bytes are not the bytes that were recorded."""

    code = "corrupt"
    status = 500


class ProviderError(RoadbedError):
    """A provider did not give an answer.

    `retryable` says whether another attempt may do better. `retry_after_s` is how long
    the provider wants to be left alone, None if it did not say; `upstream_status` is
    the HTTP status that it answered, 0 if it answered none; `reached` is False if it
    never had the request. `chain` names the attempts that came to nothing, the first
    one first, once the server has given up.
    """

    code = "provider_error"
    status = 502
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
        upstream_status: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        self.upstream_status = upstream_status
        self.reached = True
        self.chain: tuple[str, ...] = ()


class RateLimited(ProviderError):
    """The provider asks for patience."""

    code = "rate_limited"
    status = 429
    retryable = True


class Unavailable(ProviderError):
    """The provider is down or unreachable; another attempt may succeed."""

    code = "provider_unavailable"
    retryable = True


class TimedOut(ProviderError):
    """The provider did not answer within the deadline."""

    code = "provider_timeout"
    status = 504
    retryable = True


class Truncated(ProviderError):
    """The answer stopped before the provider said that it was finished."""

    code = "provider_truncated"


class Refused(ProviderError):
    """The provider understood the request and will not serve it as it stands."""

    code = "provider_refused"
    status = 400
