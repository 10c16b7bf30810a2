"""Whose proof a signature of a thought is: no provider takes back another's.

Anthropic's go out unmarked, whoever hosts the model; Gemini's bear a mark on their
way through the caller's hands, and lose it before Gemini sees them again.
"""

_GEMINI = "gemini."


def of_gemini(signature: str) -> str:
    """Return *signature* as Gemini wrote it, an empty text if it is not Gemini's."""
    ours = signature.startswith(_GEMINI)
    return signature.removeprefix(_GEMINI) if ours else ""


def of_anthropic(signature: str) -> str:
    """Return *signature*, an empty text if it is not Anthropic's."""
    return "" if signature.startswith(_GEMINI) else signature


def marked_gemini(signature: str) -> str:
    """Return Gemini's *signature* for the caller to keep, an empty text if none."""
    return _GEMINI + signature if signature else ""
