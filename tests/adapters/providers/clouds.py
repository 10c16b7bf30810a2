"""What the tests of the cloud providers share."""

from roadbed.adapters.secrets._resolver import Resolver
from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.core.errors import (
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    Truncated,
    Unavailable,
)
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import Opened, answer, finish_with, summary

MISBEHAVIOURS = [
    *(("refuse", (Unavailable,)), ("500", (Unavailable,)), ("503", (Unavailable,))),
    *(("401", (Unavailable,)), ("403", (Unavailable,)), ("400", (Refused,))),
    *(("429", (RateLimited,)), ("html-200", (ProviderError,))),
    *(("redirect", (ProviderError,)), ("malformed", (ProviderError,))),
    *(("cut-clean", (Truncated,)), ("no-end", (Truncated,))),
    *(("abort", (Truncated, Unavailable)), ("error-inside", (Unavailable,))),
]
"""What an upstream does, and the errors that it may be: these, and no kinds of them."""
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]


class Cloud:
    """One provider module, and how it is opened: against a fake, with its keys."""

    def __init__(self, module, model, keys, **config):
        self.module, self.model, self.keys = module, model, keys
        self.config = config

    def version(self, **hosted):
        body = {"provider": "up", "upstream": self.model} | hosted
        return ModelVersion(
            model="bot", number=1, digest="sha256:0", definition={"hosted": body}
        )

    def opened(self, url, hosted=None, **config):
        secrets = Resolver(lambda scheme: EnvSecrets(self.keys), ["env"])
        settings = {"base_url": url, "private": True} | self.config | config
        made = self.module.provider(self.module.Config(**settings), None, secrets)
        return Opened(made, made.open(self.version(**(hosted or {}))))

    def ask(self, wire, request, **how):
        both = self.opened(wire.url, **how)
        return finish_with(both, answer(both.runner, request))

    def error(self, wire, request, **how):
        """Return the error that *request* ends in, and all that was said of it."""
        both, error = self.opened(wire.url, **how), None
        try:
            finish_with(both, answer(both.runner, request))
        except RoadbedError as raised:
            error = raised
        things = [both.provider, both.runner, both.provider.config]
        things += [both.runner.metadata(), vars(both.runner), vars(both.provider)]
        told = [error, vars(error) if error else "", *_causes(error)]
        return error, "".join(f"{thing!s} {thing!r}" for thing in (*things, *told))


def _causes(error):
    while error is not None and (error := error.__cause__ or error.__context__):
        yield from (error, error.args, vars(error))


def said(chunks):
    """Return what an outcome gathers: text, calls of tools, finish and usage."""
    outcome = summary(chunks)
    calls = [(name, arguments) for _, name, arguments in outcome.tools.values()]
    return "".join(outcome.text), calls, outcome.finish, outcome.usage
