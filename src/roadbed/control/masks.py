"""Free text of strangers, made fit to be written down: who and what secret is masked.

For what we write ourselves about a request: audit entries and log lines. It finds
shapes, not meaning, and promises no more than that.
"""

import re

from roadbed.control.shapes import SHAPES

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:(?: |%20)?[A-Z0-9]{4}){2,7}"
    r"(?:(?: |%20)?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_CARD = re.compile(
    r"(?:(?<=%[0-9A-Fa-f]{2})|(?<![0-9%])(?<!%[0-9A-Fa-f]))"
    r"[0-9](?:(?: |-|%20)?[0-9]){12,18}(?![0-9])"
)
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
    parts[::2] = [_CARD.sub(_card, part) for part in parts[::2]]
    return "".join(parts)


def _iban(found: re.Match[str]) -> str:
    """Mask what passes the check of ISO 7064 (mod 97-10)."""
    plain = re.sub(r" |%20", "", found[0])
    digits = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return "<iban>" if int(digits) % 97 == 1 else found[0]


def _card(found: re.Match[str]) -> str:
    """Mask what passes Luhn's check."""
    plain = re.sub(r" |-|%20", "", found[0])
    digits = [int(c) for c in plain]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    valid = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return "<card>" if valid and _ISSUED.fullmatch(plain) else found[0]
