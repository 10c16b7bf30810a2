"""Free text of strangers, made fit to be written down: who and what secret is masked.

For what we write ourselves about a request: audit entries and log lines. It finds
shapes, not meaning, and promises no more than that.
"""

import re
from collections.abc import Callable, Iterator
from itertools import accumulate

from roadbed.control.shapes import SHAPES

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:(?: |%20)?[A-Z0-9]{4}){2,7}"
    r"(?:(?: |%20)?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_RUN = re.compile(r"(?<![0-9])[0-9]+(?:(?: |-|%20)[0-9]+)*")
_APART = re.compile(r"( |-|%20)")
_SHORTEST, _LONGEST = 13, 19
_DOUBLED = [sum(divmod(2 * digit, 10)) for digit in range(10)]
_ISSUED = re.compile(r"1[0-9]{14}|[2-6][0-9]{12,18}|[89][0-9]{15,18}")
"""What cards begin with, and how long they are: none is a moment in microseconds."""
_ID = re.compile(  # of a call, a trace, a commit, a version: digits by chance
    r"(?<![0-9A-Za-z])([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|(?=(?:[0-9]*[a-f]){3})[0-9a-f]{16})"
    r"(?![0-9A-Za-z])"
)


def mask(text: str) -> str:
    """Return *text* with secrets, e-mail addresses, IBANs and card numbers masked.

    Ids and digests stay: one UUID in 400 holds digits that pass for a card.
    """
    text = SHAPES.sub("<secret>", text)
    text = _EMAIL.sub("<email>", text)
    text = _IBAN.sub(_iban, text)
    parts = _ID.split(text)  # every second one is an id
    parts[::2] = [_RUN.sub(_cards, part) for part in parts[::2]]
    return "".join(parts)


def _iban(found: re.Match[str]) -> str:
    """Mask what passes the check of ISO 7064 (mod 97-10)."""
    plain = re.sub(r" |%20", "", found[0])
    digits = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return "<iban>" if int(digits) % 97 == 1 else found[0]


def _cards(found: re.Match[str]) -> str:
    """Mask the cards in a run of digits; behind a percent sign two may be a letter."""
    run = found[0]
    masked = _masked(run)
    begin = found.start()
    escaped = begin > 0 and found.string[begin - 1] == "%" and run[:2].isdigit()
    return run[:2] + _masked(run[2:]) if escaped and masked == run else masked


def _masked(run: str) -> str:
    """Mask what is a card from the begin of one group of digits to the end of one."""
    if len(run) < _SHORTEST:
        return run
    pieces = _APART.split(run)
    at = [0, *accumulate(map(len, pieces[::2]))]
    is_valid = _by_luhn("".join(pieces[::2]))
    shown, first, groups = list[str](), 0, len(at) - 1
    while first < groups:
        ends = [e for e in _ends(at, first) if is_valid(at[first], at[e])]
        last = ends[-1] if ends else first + 1
        shown.append("<card>" if ends else pieces[2 * first])
        shown += pieces[2 * last - 1 : 2 * last]
        first = last
    return "".join(shown)


def _ends(at: list[int], first: int) -> Iterator[int]:
    """Yield up to which group a number is not too long that begins with *first*."""
    for end in range(first + 1, len(at)):
        if at[end] - at[first] > _LONGEST:
            return
        yield end


def _by_luhn(digits: str) -> Callable[[int, int], bool]:
    """Return what says whether a part of *digits* is the number of a card.

    Sums from the begin, with every second digit doubled, tell of any part at once.
    """
    sums = [_sums(digits, doubled) for doubled in (0, 1)]

    def is_valid(begin: int, end: int) -> bool:
        kept = sums[end % 2]  # the last digit, before *end*, is not doubled
        luhn = (kept[end] - kept[begin]) % 10 == 0
        return luhn and _ISSUED.fullmatch(digits, begin, end) is not None

    return is_valid


def _sums(digits: str, doubled: int) -> list[int]:
    """Return the sums from the begin, each digit doubled in an even or odd place."""
    values = map(int, digits)
    counted = (_DOUBLED[v] if n % 2 == doubled else v for n, v in enumerate(values))
    return [0, *accumulate(counted)]
