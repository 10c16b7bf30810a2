"""What comes back, decoded: nothing in it is worse than a ProviderError."""

from typing import Any

import msgspec

from roadbed.core.errors import ProviderError, Truncated


def decoded(decoder: msgspec.json.Decoder[Any], data: bytes, what: str) -> Any:
    """Return *data* decoded; raise ProviderError if it is not *what* was asked for.

    Raises Truncated if it stops in the middle.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cut = str(error) == "Input data was truncated"
    if cut:
        raise Truncated("the provider's answer stops in the middle")
    raise ProviderError(
        f"the provider's answer is not {what}",
        hint="check that base_url is the address of its API",
    )


def count_of(value: Any) -> int:
    """Return a number of tokens; what cannot be one counts for none."""
    whole = isinstance(value, int | float) and 0 <= value < 2**53
    return int(value) if whole else 0
