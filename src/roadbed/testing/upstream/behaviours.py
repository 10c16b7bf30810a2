"""Every named way to behave. A new one is a line here, and holds for each dialect."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from roadbed.testing.upstream.behaviour import FOREVER_S, Behaviour


def _error(message: str, kind: str, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}})


_SERVER_ERROR = _error("The server had an error.", "server_error")
_BAD_KEY = _error("Incorrect API key provided: {key}.", "invalid_request_error")
_BAD_FIELD = _error("Invalid 'temperature'.", "invalid_request_error", "invalid_value")
_PATIENCE = _error("Rate limit reached.", "requests", "rate_limit_exceeded")
_HTML = "<!doctype html><title>Welcome</title><h1>It works!</h1>"
_PAGE = Behaviour(content_type="text/html; charset=utf-8", body=_HTML)
_LIMITED = Behaviour(status=429, body=_PATIENCE)
_GONE = (("location", "http://127.0.0.1:9/v1"),)
_FLOOD = tuple((f"x-flood-{n}", "x" * 4_000) for n in range(400))

BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType(
    {
        "well": Behaviour(),
        # It cannot be reached, or does not speak.
        "refuse": Behaviour(listens=False),
        "blackhole": Behaviour(door="full"),
        "half-open": Behaviour(door="deaf"),
        "expired-tls": Behaviour(tls="expired"),
        "untrusted-tls": Behaviour(tls="untrusted"),
        "hang-up": Behaviour(drops="at-once"),
        "stale-connection": Behaviour(drops="reused"),
        "not-http": Behaviour(raw=b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        "header-flood": Behaviour(headers=_FLOOD),
        "redirect": Behaviour(status=307, headers=_GONE, body=""),
        # It is slow.
        "slow-first-byte": Behaviour(wait_s=0.5),
        "silent": Behaviour(wait_s=FOREVER_S),
        "drip": Behaviour(piece=7, gap_s=0.001),
        "stall": Behaviour(keep=2, ending="silence"),
        "babble": Behaviour(babble_s=0.1),
        # It stops before its end.
        "cut-clean": Behaviour(keep=3, ending="close"),
        "no-done": Behaviour(keep=-1, ending="close"),
        "abort": Behaviour(keep=3, ending="reset"),
        "early-200-then-error": Behaviour(keep=2, ending="error"),
        "lifecycle-then-error": Behaviour(keep=1, ending="error"),
        "empty-200": Behaviour(body=""),
        # It says no.
        "400": Behaviour(status=400, body=_BAD_FIELD),
        "401": Behaviour(status=401, body=_BAD_KEY),
        "403": Behaviour(status=403, body=_BAD_KEY),
        "408": Behaviour(status=408, body=_SERVER_ERROR),
        "422-echo": Behaviour(status=422, body=_BAD_KEY),
        "rate-limited": replace(_LIMITED, headers=(("retry-after", "7"),)),
        "rate-limited-date": replace(_LIMITED, retry_in_s=7.0),
        "rate-limited-ms": replace(_LIMITED, headers=(("retry-after-ms", "250"),)),
        "rate-limited-mute": _LIMITED,
        "rate-limited-huge": replace(_LIMITED, headers=(("retry-after", "86400000"),)),
        "500": Behaviour(status=500, body=_SERVER_ERROR),
        "502-html": replace(_PAGE, status=502),
        "503": Behaviour(status=503, body=_SERVER_ERROR),
        "529": Behaviour(status=529, body=_SERVER_ERROR),
        # It says what is wrong.
        "html-200": _PAGE,
        "malformed-json": Behaviour(spoil='{"choices": nonsense}'),
        "wrong-shape": Behaviour(misshapen=True),
        "wrong-content-type": Behaviour(content_type="text/plain"),
        "oversize": Behaviour(pad=40 * 1024 * 1024),
        "gzip-bomb": Behaviour(pad=40 * 1024 * 1024, gzip="whole"),
        "endless": Behaviour(endless=True, pad=4_000),
        "duplicate-chunks": Behaviour(repeat=2),
        "length-too-short": Behaviour(length_off=-9),
        "length-too-long": Behaviour(length_off=9),
        "gzip-cut": Behaviour(gzip="cut"),
        "no-usage": Behaviour(usage=False),
        "usage-negative": Behaviour(miscount="negative"),
        "usage-absurd": Behaviour(miscount="absurd"),
        "usage-inconsistent": Behaviour(miscount="inconsistent"),
    }
)
