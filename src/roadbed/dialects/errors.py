"""What every dialect says of an error, before it is put into the dialect's words."""

from roadbed.core.errors import Invalid, ProviderError, RoadbedError


def sentence_of(error: RoadbedError) -> str:
    """Return message, hint and the first few places of *error* as one line.

    Of a provider's error also what was tried, if that was more than one attempt.
    """
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    places = error.problems if isinstance(error, Invalid) else ()
    extra = "; ".join(str(p) for p in places[:5] if p.message not in error.message)
    text = f"{text}: {extra}" if extra else text
    chain = error.chain if isinstance(error, ProviderError) else ()
    return f"{text}; tried: {', '.join(chain)}" if len(chain) > 1 else text


def param_of(error: RoadbedError) -> str | None:
    """Return the field that *error* is about, None if it names none."""
    if isinstance(error, Invalid) and error.problems:
        return error.problems[0].field or None
    return None
