"""Private keys that everybody knows: from standards, examples and empty memory."""

from itertools import pairwise

_PUBLISHED = frozenset(
    bytes.fromhex(text)
    for text in (
        # RFC 8032, section 7.1: tests 1, 2 and 3; RFC 8037, appendix A is test 1.
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        # RFC 6979, appendix A.2.5; RFC 7515, appendix A.3 (both P-256).
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        "8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f4b2",
    )
)


def is_example(secret: bytes) -> bool:
    """Say whether *secret*, the bytes of a private key, is one that people can guess.

    Known are those of the standards' own examples. A key that repeats a few bytes, or
    counts, was made by nobody's random numbers.
    """
    steps = {(b - a) % 256 for a, b in pairwise(secret)}
    return secret in _PUBLISHED or len(steps) < 2 or len(set(secret)) < 8
