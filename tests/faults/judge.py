"""The judge: `pass`, `safe` or `fail`, and why."""

from tests.faults.callers import HANG_S
from tests.faults.expected import EXPECTED, OK, WAITS_S
from tests.faults.wall import DEADLINE_MS

MOST_TOKENS = 10**8
TEXT = "You said: hello there"
SPARE_S = 6.0
_SAID_FINISH = ("no-done", "length-too-short", "length-too-long", "gzip-cut")
"""Here the upstream itself says that it has finished, and then does not end."""
_UNCOUNTED = ("no-usage", "usage-negative", "usage-absurd")
_LEAKS = ("Traceback", 'File "', "aiohttp", "site-packages", "0x7f")


def verdict(fault, seen, records, *, stream):
    """Return the verdict on what a caller saw, and on what was recorded of it."""
    why = _wrong(fault, seen, records)
    if why:
        return "fail", why
    (record,) = records
    expected = EXPECTED[fault][stream]
    told = record.error if seen.error is not None else OK
    if told in expected:
        return "pass", told
    return "safe", f"{told}, and not {expected[0]}"


def _wrong(fault, seen, records):
    """Return what is wrong in any case, or an empty text."""
    if seen.took_s > min(HANG_S, DEADLINE_MS / 1000 + SPARE_S):
        return f"it took {seen.took_s:.1f} s"
    if seen.odd:
        return f"the client stumbled: {seen.odd[:200]}"
    if len(records) != 1:
        return f"{len(records)} records of one call"
    if seen.error is not None:
        return _wrong_error(fault, seen, records[0])
    return _wrong_answer(fault, seen, records[0])


def _wrong_error(fault, seen, record):
    if not isinstance(seen.error, dict) or not seen.error.get("message"):
        return f"an error in no dialect: {seen.error!r:.200}"
    if any(leak in str(seen.error) for leak in _LEAKS):
        return f"the error tells too much: {seen.error!r:.200}"
    if record.status not in ("error", "truncated") or not record.error:
        return f"an error on record as {record.status}"
    if seen.finish and fault not in _SAID_FINISH:
        return f"an error, and a finish as well: {seen.finish}"
    if not TEXT.startswith(seen.text) and fault not in ("duplicate-chunks", "endless"):
        return f"what was said was not said upstream: {seen.text!r:.80}"
    return _wrong_wait(fault, seen)


def _wrong_wait(fault, seen):
    told = seen.headers.get("retry-after")
    if fault not in WAITS_S:
        return ""
    low, high = WAITS_S[fault]
    if told is None or not low <= float(told) <= high:
        return f"retry-after is {told}, and not {low} to {high}"
    return ""


def _wrong_answer(fault, seen, record):
    if OK not in {word for words in EXPECTED[fault] for word in words}:
        return f"an answer where none was possible: {seen.text!r:.80}"
    doubled = "".join(f"{word}{word}" for word in ("You", " said:", " hello", " there"))
    if seen.text != TEXT and not (
        fault == "duplicate-chunks" and seen.text in (doubled, TEXT * 2)
    ):
        return f"another answer: {seen.text!r:.80}"
    if not seen.finish:
        return "an answer without its finish"
    if record.status != "ok":
        return f"an answer on record as {record.status}"
    return _wrong_counts(fault, record)


def _wrong_counts(fault, record):
    counts = (record.input_tokens, record.output_tokens, record.cached_tokens)
    if min(counts) < 0:
        return f"negative counts on record: {counts}"
    if max(counts) > MOST_TOKENS:
        return f"absurd counts on record: {counts}"
    if fault in _UNCOUNTED and not record.estimated:
        if any(counts):
            return f"usage was invented: {counts}"
        if record.kind == "llm":
            return "what nobody counted is on record as nothing"
    return ""
