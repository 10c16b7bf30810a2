"""What every dialect says of an error, before it is put into the dialect's words."""

from roadbed.core.errors import Invalid, RoadbedError


def sentence_of(error: RoadbedError) -> str:
    """Return message, hint and the first few places of *error* as one line."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    places = error.problems if isinstance(error, Invalid) else ()
    extra = "; ".join(str(p) for p in places[:5] if p.message not in error.message)
    return f"{text}: {extra}" if extra else text


def param_of(error: RoadbedError) -> str | None:
    """Return the field that *error* is about, None if it names none."""
    if isinstance(error, Invalid) and error.problems:
        return error.problems[0].field or None
    return None
