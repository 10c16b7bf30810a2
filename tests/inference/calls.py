"""Calls and deployments for tests of the spine."""

from roadbed.core.decision import Decision
from roadbed.inference.call import Call
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import Conversation, Text, Turn
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Snapshot


class Scripted:
    """A runner that says what it was told to say."""

    def __init__(self, chunks, error=None):
        self.chunks, self.error = chunks, error

    async def send(self, call):
        for chunk in self.chunks:
            yield chunk
        if self.error:
            raise self.error


class AllowAll:
    digest = "sha256:test"

    def decide(self, principal, action, target):
        return Decision(allowed=True, reasons=("test",), policy_digest=self.digest)

    def decide_all(self, principal, asked):
        return tuple(self.decide(principal, *question) for question in asked)


def deployment(*chunks, error=None, runner=None):
    version = ModelVersion(
        model="m", number=1, digest="sha256:m", definition={"hosted": {}}
    )
    only = Choice.at(version, runner or Scripted(chunks, error), "p")
    return Deployment(endpoint="e", choices=(only,))


def a_call(deployed):
    snapshot = Snapshot(
        revision=1,
        digest="sha256:s",
        authority=AllowAll(),
        credentials={},
        deployments={"e": deployed},
    )
    turn = Turn(role="user", parts=(Text(text="hi"),))
    inner = Conversation(turns=(turn,))
    request = ChatRequest(fields={}, read=lambda fields: inner)
    return Call(
        id="test-0",
        received_us=0,
        started_ns=0,
        dialect="openai-chat",
        endpoint="e",
        request=request,
        snapshot=snapshot,
        deployment=deployed,
    )
