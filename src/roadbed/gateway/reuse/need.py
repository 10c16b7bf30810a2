"""What an error means to those who look for another answer, or ask once more."""

from roadbed.core.errors import Invalid, ProviderError, Refused, RoadbedError

_MISSING = 404


def is_outage(error: RoadbedError) -> bool:
    """Say whether *error* means that nothing upstream answers.

    What a provider refuses as it stands is the caller's to mend, unless it does not
    know the model.
    """
    if isinstance(error, Refused):
        return error.upstream_status == _MISSING
    return isinstance(error, ProviderError)


def is_unbilled(error: RoadbedError) -> bool:
    """Say whether it is certain that nobody is paid for what ended with *error*.

    So it is for errors of ours, and where the provider was never reached or refused
    with a status of its own.
    """
    if isinstance(error, Refused | Invalid):
        return True
    if isinstance(error, ProviderError):
        return bool(error.upstream_status) or not error.reached
    return True
