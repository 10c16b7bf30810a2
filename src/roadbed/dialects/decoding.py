"""What comes back, decoded: nothing in it is worse than a ProviderError.

Tokens that cannot be so many are not believed, whatever the dialect: an upstream that
claims them counts for one that did not count, and its answer is estimated.
"""

from typing import Any, NamedTuple

import msgspec

from roadbed.core.errors import ProviderError, Truncated
from roadbed.inference.call import Usage

MOST_TOKENS = 10**8
"""No call has more tokens of any sort."""


class Odd(NamedTuple):
    """What an answer is called that is not *what* was asked for, and what to do."""

    what: str
    hint: str = "check that base_url is the address of its API"

    def error(self) -> ProviderError:
        """Return the error that says so."""
        message = f"the provider's answer is not {self.what}"
        return ProviderError(message, hint=self.hint)


def decoded(decoder: msgspec.json.Decoder[Any], data: bytes, odd: Odd) -> Any:
    """Return *data* decoded; raise the error of *odd* if it cannot be.

    Raises Truncated if it stops in the middle.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cut = str(error) == "Input data was truncated"
    if cut:
        raise Truncated("the provider's answer stops in the middle")
    raise odd.error()


def count_of(value: Any) -> int:
    """Return a number of tokens: 0 if none is told, too many if it cannot be one."""
    if value is None:
        return 0
    possible = isinstance(value, int | float) and 0 <= value <= MOST_TOKENS
    return int(value) if possible else MOST_TOKENS + 1


def believed(usage: Usage) -> Usage | None:
    """Return *usage*, or None if there cannot have been so many tokens."""
    most = max(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    return usage if most <= MOST_TOKENS else None
