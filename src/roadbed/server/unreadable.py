"""Requests that could not be read travel the path like any other.

So a stranger learns nothing but 401, and the id of every answer is in the log.
"""

from dataclasses import dataclass

from roadbed.core.errors import RoadbedError
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.chat import ChatRequest, Fields
from roadbed.inference.conversation import Conversation
from roadbed.inference.path import idle


class UnreadableChat(ChatRequest, kw_only=True):
    """Stands for a conversation that could not be read."""

    error: RoadbedError


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableTensors(TensorRequest):
    """Stands for tensors that could not be read."""

    error: RoadbedError


def unreadable_chat(error: RoadbedError) -> UnreadableChat:
    """Return what stands for a conversation that *error* kept from being read."""
    return UnreadableChat(fields={}, read=_nothing, error=error)


def unreadable_tensors(error: RoadbedError) -> UnreadableTensors:
    """Return what stands for tensors that *error* kept from being read."""
    return UnreadableTensors(inputs=(), error=error)


def _nothing(fields: Fields) -> Conversation:
    return Conversation(turns=())


class Read:
    """Refuses what could not be read, once it is known who sent it."""

    def admit(self, call: Call) -> None:
        """Raise what went wrong while the request was read."""
        if isinstance(call.request, UnreadableChat | UnreadableTensors):
            raise call.request.error

    @idle
    def finish(self, call: Call, outcome: Outcome) -> None:
        """Nothing is left to do."""
