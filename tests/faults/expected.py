"""What a call should come to, for each way in which its upstream fails.

`ok` is a right answer; any other word is the `error` that the record names. The first
word is what should happen; any further one may happen as well. What is whole comes
first, what is streamed second.
"""

from roadbed.testing.upstream import BEHAVIOURS

UNREACHABLE = "provider_unavailable"
SLOW = "provider_timeout"
CUT = "provider_truncated"
ODD = "provider_error"
REFUSED = "provider_refused"
LIMITED = "rate_limited"
OK = "ok"


def _both(*words):
    return words, words


EXPECTED = {
    "well": _both(OK),
    "refuse": _both(UNREACHABLE),
    "blackhole": _both(UNREACHABLE),
    "half-open": _both(SLOW),
    "expired-tls": _both(UNREACHABLE),
    "untrusted-tls": _both(UNREACHABLE),
    "hang-up": _both(UNREACHABLE),
    "stale-connection": _both(OK, UNREACHABLE, CUT),
    "not-http": _both(ODD, UNREACHABLE),
    "header-flood": _both(ODD, UNREACHABLE),
    "redirect": _both(ODD),
    "slow-first-byte": _both(OK),
    "silent": _both(SLOW),
    "drip": _both(OK),
    "stall": _both(SLOW),
    "babble": _both(SLOW),
    "cut-clean": ((CUT, ODD), (CUT,)),
    "no-done": ((CUT, ODD), (CUT,)),
    "abort": _both(CUT),
    "early-200-then-error": ((UNREACHABLE, ODD, CUT), (UNREACHABLE, ODD)),
    "lifecycle-then-error": ((UNREACHABLE, ODD, CUT), (UNREACHABLE, ODD)),
    "empty-200": _both(ODD, CUT),
    "400": _both(REFUSED),
    "401": _both(UNREACHABLE),
    "403": _both(UNREACHABLE),
    "408": _both(SLOW),
    "422-echo": _both(REFUSED),
    "rate-limited": _both(LIMITED),
    "rate-limited-date": _both(LIMITED),
    "rate-limited-ms": _both(LIMITED),
    "rate-limited-mute": _both(LIMITED),
    "rate-limited-huge": _both(LIMITED),
    "500": _both(UNREACHABLE),
    "502-html": _both(UNREACHABLE),
    "503": _both(UNREACHABLE),
    "529": _both(UNREACHABLE),
    "html-200": _both(ODD),
    "malformed-json": _both(ODD, CUT),
    "wrong-shape": _both(ODD, CUT),
    "wrong-content-type": ((OK, ODD), (ODD,)),
    "oversize": _both(ODD),
    "gzip-bomb": _both(ODD),
    "endless": _both(ODD),
    "duplicate-chunks": ((OK,), (OK, ODD)),
    "length-too-short": _both(CUT, ODD, UNREACHABLE),
    "length-too-long": ((CUT, ODD, UNREACHABLE), (OK, CUT, ODD, UNREACHABLE)),
    "gzip-cut": _both(CUT, ODD),
    "no-usage": _both(OK),
    "usage-negative": _both(OK, ODD),
    "usage-absurd": _both(OK, ODD),
    "usage-inconsistent": _both(OK, ODD),
}
assert EXPECTED.keys() == BEHAVIOURS.keys()

WAITS_S = {
    "rate-limited": (1, 7),
    "rate-limited-date": (1, 9),
    "rate-limited-ms": (1, 1),
    "rate-limited-huge": (60, 86_400_000),
}
"""What Retry-After may tell the caller, in seconds: what is left of the wait."""
