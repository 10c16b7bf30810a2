"""What secrets look like in text, and what only stands where one will be."""

import re
from base64 import b64decode
from collections.abc import Iterator

SHAPES = re.compile(
    r"""(?x)
    \b(?=[srgxhneAbB])(?:
        sk-(?=[A-Za-z0-9_-]{0,200}[0-9])[A-Za-z0-9_-]{16,}   # OpenAI, Anthropic
      | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}     # Stripe
      | rb[kt]_[A-Za-z0-9_-]{8,}                 # Roadbed
      | (?:AKIA|ASIA)[0-9A-Z]{16}\b              # AWS
      | gh[pousr]_[A-Za-z0-9]{30,}               # GitHub
      | github_pat_[A-Za-z0-9_]{30,}
      | glpat-[A-Za-z0-9_-]{18,}                 # GitLab
      | xox[abprs]-[A-Za-z0-9-]{10,}             # Slack
      | AIza[0-9A-Za-z_-]{30,}                   # Google
      | hf_[A-Za-z0-9]{30,}                      # Hugging Face
      | npm_[A-Za-z0-9]{36}
      | AGE-SECRET-KEY-1[0-9A-Z]{20,}
      | eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]+         # a JSON Web Token
      | [Bb]earer\ (?=[A-Za-z._~+/-]{0,200}[0-9])[A-Za-z0-9._~+/-]{16,}
    )
    | -----BEGIN[ A-Z]{0,40}\ PRIVATE\ KEY(?:\ BLOCK)?-----
    """
)
_BASIC = re.compile(r"\bbasic\s+([A-Za-z0-9+/]{8,2000}={0,2})", re.IGNORECASE)
_URL = re.compile(r"(?<=[a-z0-9])://[^\s/@:]{0,200}:([^\s/@]{1,500})@")
_NAMED = re.compile(
    r"""(?x)
    (?:passwords?|passwd|pwd|passphrase|secret|token|credentials?
       |(?:api|access|secret|private|account|auth)[ _-]?key)
    ["'`*]{0,3}\s{0,3}(?::=|=>|[:=](?!//))["'`*]{0,3}\s{0,3}["'`*]{0,3}
    ([^\s"'`,;&|<>(){}\[\]$]{6,500}+)(?![\[({<$])
    """,
    re.IGNORECASE,
)
_NO_VALUE = re.compile(
    r"""(?x)
      secret://\S* | https?://\S*                # where it is, not what it is
    | \.{0,2}~?/[\w.-]+(?:/[\w.-]+)+             # a path
    | [A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+            # a name in a program
    """
)
_REFERENCE = re.compile(r"secret://\S+")
_PLACEHOLDER = re.compile(
    r"""(?xi)
      <[^<>]*> | \[[^\[\]]*\] | \{\{?[^{}]*\}\}?
    | \$\{[^{}]*\} | \$(?-i:[A-Z][A-Z0-9_]*) | %\w+%
    | \*+ | x{3,} | \.{3,} | …+ | •+ | -+
    | your[-_ ].* | redacted | (?:un)?set | none | null
    """
)
_WORDS = re.compile(
    r"(?i)(?:your|my|the)?[-_]?(?:user)?[-_]?(?:pass(?:word|wd)?|pwd|pw|secret|token|key)"
)
_SCHEME = re.compile(r"(?i)(?:basic|bearer|token|digest|apikey|negotiate)\s+")


def secrets_in(text: str) -> Iterator[int]:
    """Yield where in *text* something begins that has the shape of a secret."""
    for found in SHAPES.finditer(text):
        yield found.start()
    for found in _BASIC.finditer(text):
        if _is_basic(found[1]):
            yield found.start()
    for found in _URL.finditer(text):
        if not is_placeholder(found[1]) and not _WORDS.fullmatch(found[1]):
            yield found.start()
    for found in _NAMED.finditer(text):
        if _is_value(found[0], found[1]):
            yield found.start()


def is_secret(text: str) -> bool:
    """Say whether *text* holds something with the shape of a secret."""
    return next(secrets_in(text), None) is not None


def is_placeholder(text: str) -> bool:
    """Say whether *text* is nothing, a reference, or a mark for what is put there."""
    plain = text.strip()
    plain = plain[_end_of_scheme(plain) :]
    known = _REFERENCE.fullmatch(plain) or _PLACEHOLDER.fullmatch(plain)
    return not plain or known is not None


def _is_value(whole: str, value: str) -> bool:
    """Say whether *value* is a secret rather than a word: passwords may be short."""
    least = 6 if whole.lower().startswith(("pass", "pwd")) else 8
    telling = len(value) >= least and any(c.isdigit() for c in value)
    return telling and _NO_VALUE.fullmatch(value) is None


def _end_of_scheme(text: str) -> int:
    found = _SCHEME.match(text)
    return found.end() if found else 0


def _is_basic(text: str) -> bool:
    """Say whether *text* is a name and a password, as HTTP writes them."""
    try:
        return b":" in b64decode(text, validate=True)
    except ValueError:
        return False
