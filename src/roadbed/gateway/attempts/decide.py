"""What to do when an attempt has failed: decisions on plain values, without a clock.

They hold to five rules. No call costs more attempts than its endpoint allows. A retry
never takes an attempt that a fallback may still need. Nothing is waited for beyond the
deadline. A place that was silent is not asked twice. What was refused is refused.
"""

from typing import Literal, NamedTuple

from roadbed.core.errors import (
    Invalid,
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    TimedOut,
    Truncated,
    Unavailable,
)

PATIENCE_S = 2.0
"""The longest wait at one version while another one could be asked, or nobody was."""
LONGEST_BACKOFF_S = 10.0
CHEAP_BYTES = 32 * 1024
"""A request larger than this is not asked twice at once."""
_OURS = (401, 402, 403, 407)
_MISSING, _TIMEOUT, _CONFLICT = 404, 408, 409

Hope = Literal["none", "version", "place", "same"]
"""Who may do better: nobody, another version, another place of the same version, or
the same place after a while."""


class Plan(NamedTuple):
    """What a call may cost: attempts in all, the first backoff, and the end of time."""

    attempts: int
    backoff_s: float
    deadline_s: float


class Walk(NamedTuple):
    """How far a call has come: attempts made, and those of them at this version."""

    spent: int
    here: int


class Failure(NamedTuple):
    """What an attempt came to: who may do better, and how long to leave it alone."""

    hope: Hope
    wait_s: float | None = None


class Ahead(NamedTuple):
    """Who is left to ask.

    `sibling` says whether another place of the same version is ready, `choices` how
    many later versions may be asked, `allowed` whether retries are not used up.
    """

    sibling: bool = False
    choices: int = 0
    allowed: bool = True


class Retry(NamedTuple):
    """Ask for the same version again, after so many seconds."""

    after_s: float


class FallBack(NamedTuple):
    """Ask for the next version."""


class GiveUp(NamedTuple):
    """Tell the caller."""


Action = Retry | FallBack | GiveUp


def decide(
    plan: Plan,
    walk: Walk,
    failure: Failure,
    ahead: Ahead,
    now_s: float,
    chance: float,
) -> Action:
    """Return what to do at *now_s* after *failure*; *chance*, in [0, 1), is jitter."""
    left_s = plan.deadline_s - now_s
    if failure.hope == "none" or walk.spent >= plan.attempts or left_s <= 0:
        return GiveUp()
    wait_s = _wait(plan, walk, failure, ahead, chance)
    spare = plan.attempts - walk.spent - ahead.choices
    if wait_s is not None and spare > 0 and ahead.allowed:
        # Who was not asked yet does not queue: the caller is told when to come back.
        brief = ahead.choices or not walk.spent
        patience_s = min(PATIENCE_S, left_s / 2) if brief else left_s
        if wait_s < patience_s:
            return Retry(wait_s)
    return FallBack() if ahead.choices else GiveUp()


def _wait(
    plan: Plan, walk: Walk, failure: Failure, ahead: Ahead, chance: float
) -> float | None:
    """Return how long to wait before the same version is asked; None if never."""
    if ahead.sibling and failure.hope in ("place", "same"):
        return 0.0
    if failure.hope != "same":
        return None
    # Full jitter: many who failed together do not come back together.
    if failure.wait_s is not None:
        return failure.wait_s + chance * min(plan.backoff_s, failure.wait_s)
    doublings = min(max(walk.here - 1, 0), 16)
    return chance * min(plan.backoff_s * 2.0**doublings, LONGEST_BACKOFF_S)


def failure_of(error: RoadbedError, *, first: bool) -> Failure:
    """Return what *error* leaves to hope; *first* says that no other version failed.

    What the first version refuses is the caller's to mend: another version would only
    hide it. What a fallback refuses is no more than one fallback less.
    """
    if isinstance(error, Invalid):
        return Failure("none" if first else "version")
    if not isinstance(error, ProviderError):
        return Failure("none")  # a budget, a limit: ours, and nobody else's fault
    status = error.upstream_status
    if isinstance(error, Refused) and status not in (_MISSING, _CONFLICT):
        return Failure("none" if first else "version")
    passes = isinstance(error, RateLimited | Unavailable) and status not in _OURS
    if passes or status in (_TIMEOUT, _CONFLICT):
        return Failure("same", error.retry_after_s)
    return Failure("place")


def is_fault(error: RoadbedError) -> bool:
    """Say whether *error* counts against the upstream that it came from."""
    if isinstance(error, RateLimited | Refused):
        return False
    return isinstance(error, Unavailable | TimedOut | Truncated | ProviderError)


def was_sent(error: BaseException) -> bool:
    """Say whether an attempt that ended with *error* may have to be paid for.

    Not so if the provider was never reached, or refused with a status of its own.
    """
    if isinstance(error, ProviderError):
        return error.reached and not error.upstream_status
    return not isinstance(error, Invalid)


def share_s(
    left_s: float, ahead: int, first_s: float | None, *, streams: bool
) -> float | None:
    """Return how long an attempt may take to begin, so that *ahead* more have theirs.

    *left_s* is the time until the deadline, *first_s* how long an answer may take to
    begin, if that is declared. None: no less than it would take anyway. Of an answer
    that comes whole, nobody can tell slow from silent, so it is given all the time.
    """
    if not ahead:
        return None
    if first_s is None:
        return left_s / (ahead + 1) if streams else None
    rest_s = left_s - ahead * first_s
    if rest_s >= first_s:
        return None
    return rest_s if rest_s > left_s / (ahead + 1) else left_s / (ahead + 1)


def may_hedge(plan: Plan, spent: int, size: int, *, tools: bool) -> bool:
    """Say whether a call of *size* bytes may be asked for at two places at once.

    Never with *tools*: what they do might be done twice.
    """
    return not tools and size <= CHEAP_BYTES and spent < plan.attempts
