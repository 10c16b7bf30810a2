"""What the server adds to the governed path: requests that could not be read."""

from roadbed.core.errors import RoadbedError
from roadbed.inference.call import Call, Outcome
from roadbed.inference.chat import ChatRequest


class Unreadable(ChatRequest, frozen=True, kw_only=True):
    """Stands for a request that could not be read, whatever its dialect.

    It travels the path like any other, so that a stranger learns nothing but
    401, and so that every answer's id is in the log.
    """

    error: RoadbedError


class Read:
    """Refuses what could not be read, once it is known who sent it."""

    def admit(self, call: Call) -> None:
        """Raise what went wrong while the request was read."""
        if isinstance(call.request, Unreadable):
            raise call.request.error

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing to do on the way out."""
