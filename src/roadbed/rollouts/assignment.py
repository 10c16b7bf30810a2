"""Which arm a unit is in: the same everywhere and always, with nothing stored.

A unit is whoever is assigned as a whole: a user, a session, an account. It falls into
one of 10,000 buckets; an arm with a weight of 250 gets the first 250 of them, so a
unit that is in a small canary is in every larger one of the same endpoint too.
"""

import hashlib

BUCKETS = 10_000


def number_of(salt: str, unit: str) -> int:
    """Return the number, below 2**63, that stands for *unit* under *salt*."""
    name = f"{len(salt)}:{salt}{unit}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def bucket_in(number: int) -> int:
    """Return the bucket, from 0 to 9,999, of the unit that *number* stands for."""
    return number % BUCKETS


def bucket_of(salt: str, unit: str) -> int:
    """Return the bucket of *unit*, from 0 to 9,999, under *salt*."""
    return bucket_in(number_of(salt, unit))


def takes(bucket: int, weight: int) -> bool:
    """Say whether a unit in *bucket* gets the newer version at *weight* of 10,000."""
    return bucket < weight
