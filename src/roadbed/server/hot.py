"""The hot routes: which address does what, and with which permission."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from roadbed.access.actions import ANY, PUBLIC
from roadbed.access.visible import endpoint_of, endpoints, nothing
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound, NotReady
from roadbed.core.reference import NAME
from roadbed.dialects import anthropic, embeddings, openai, rerank, responses
from roadbed.dialects.base import Spoken
from roadbed.dialects.openai.write_answer import model_document
from roadbed.inference.snapshot import Deployment
from roadbed.rollouts.steps import by_number
from roadbed.server import infer, messages
from roadbed.server.answer import answer
from roadbed.server.dataplane import Asked, DataPlane, Dialect
from roadbed.server.errors import Headers, Reply, WrongMethod
from roadbed.server.exchange import Exchange
from roadbed.server.guard import Wanted
from roadbed.server.unreadable import unreadable_chat, unreadable_tensors

_JSON: Headers = ((b"content-type", b"application/json"),)
_LISTED = "GET /v1/models lists the endpoints you may see"
_VERSIONED = re.compile(rf"({NAME})@([1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the address of a request names."""

    model: str = ""
    version: str = ""


Work = Coroutine[Any, Any, None]
Handler = Callable[[DataPlane, Exchange, Place], Work]


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRoute:
    """One route of the data plane; `{model}` and `{version}` are parts of its path."""

    method: str
    path: str
    action: str
    handler: Handler
    summary: str


def complete(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer a chat."""
    return plane.predict(exchange, _CHAT)


def converse(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer a message."""
    return plane.predict(
        exchange, messages.with_betas(_text(anthropic.SPOKEN), exchange)
    )


def count_tokens(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Say how many tokens a message would be."""
    return plane.predict(exchange, messages.with_betas(_COUNT, exchange))


def respond(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer in OpenAI's Responses API."""
    return plane.predict(exchange, _RESPONSES)


def count_input(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Count the tokens of what would be asked in the Responses API."""
    return plane.predict(exchange, _RESPONSES_COUNT)


def embed(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer with vectors."""
    return plane.predict(exchange, _EMBEDDINGS)


def rank(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer with an order of documents."""
    return plane.predict(exchange, _RERANK)


def predict(plane: DataPlane, exchange: Exchange, place: Place) -> Work:
    """Answer with tensors."""
    length = exchange.header(b"inference-header-content-length")
    dialect = Dialect(
        name=infer.DIALECT,
        read=partial(_read_tensors, place, length),
        unreadable=unreadable_tensors,
        answer=infer.answer,
        named=place.model,
    )
    return plane.predict(exchange, dialect)


async def list_models(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """List the endpoints that the caller may see."""
    snapshot = plane.switch.snapshot
    caller = await plane.guard.enter(snapshot, exchange.credential, _wanted(exchange))
    seen = endpoints(plane.guard.viewer(snapshot, caller), snapshot)
    documents = [model_document(n) for n in seen if n in snapshot.deployments]
    await _reply(exchange, {"object": "list", "data": documents})


async def show_model(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Show one endpoint as OpenAI shows a model."""
    deployment, _ = await _deployment(plane, exchange, place)
    await _reply(exchange, model_document(deployment.endpoint))


async def show_metadata(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Show what one endpoint serves: version, platform, inputs and outputs."""
    deployment, numbers = await _deployment(plane, exchange, place)
    await _reply(exchange, infer.model_document(deployment, numbers))


async def show_ready(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Say that one endpoint serves."""
    deployment, _ = await _deployment(plane, exchange, place)
    await _reply(exchange, {"name": deployment.endpoint, "ready": True})


async def show_server(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Show the name, the version and the extensions of this server."""
    snapshot = plane.switch.snapshot
    await plane.guard.enter(snapshot, exchange.credential, _wanted(exchange))
    await _reply(exchange, infer.SERVER)


async def show_live(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Say that the process answers."""
    await _reply(exchange, {"live": True})


async def show_server_ready(plane: DataPlane, exchange: Exchange, place: Place) -> None:
    """Say whether there is a snapshot to serve from, and a log to record in."""
    if not plane.switch.serving:
        raise NotReady("the server is starting")
    if not plane.healthy():
        raise NotReady("calls cannot be put on record now")
    await _reply(exchange, {"ready": True})


_ONE = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"
_READ = "endpoint.read"
HOT_ROUTES = tuple(
    HotRoute(method=m, path=p, action=a, handler=h, summary=s)
    for m, p, a, h, s in (
        (
            "POST",
            "/v1/chat/completions",
            "endpoint.infer",
            complete,
            "Ask an endpoint, in OpenAI's chat dialect",
        ),
        (
            "POST",
            "/v1/messages",
            "endpoint.infer",
            converse,
            "Ask an endpoint, in Anthropic's dialect",
        ),
        (
            "POST",
            "/v1/messages/count_tokens",
            "endpoint.infer",
            count_tokens,
            "Count the tokens of a message, or estimate them",
        ),
        (
            "POST",
            "/v1/responses",
            "endpoint.infer",
            respond,
            "Ask an endpoint, in OpenAI's Responses dialect",
        ),
        (
            "POST",
            "/v1/responses/input_tokens",
            "endpoint.infer",
            count_input,
            "Count the tokens of what would be asked",
        ),
        (
            "POST",
            "/v1/embeddings",
            "endpoint.infer",
            embed,
            "Turn texts into vectors, as OpenAI does",
        ),
        (
            "POST",
            "/v1/rerank",
            "endpoint.infer",
            rank,
            "Put documents in the order in which they answer a query",
        ),
        ("GET", "/v1/models", _READ, list_models, "List the endpoints you may see"),
        ("GET", "/v1/models/{model}", _READ, show_model, "Show one endpoint"),
        ("GET", "/v2", _READ, show_server, "Say what this server speaks"),
        ("GET", "/v2/health/live", PUBLIC, show_live, "Is it alive?"),
        ("GET", "/v2/health/ready", PUBLIC, show_server_ready, "Is it ready?"),
        ("GET", _ONE, _READ, show_metadata, "Show an endpoint's inputs and outputs"),
        ("GET", f"{_ONE}/ready", _READ, show_ready, "Is a model ready?"),
        (
            "POST",
            f"{_ONE}/infer",
            "endpoint.infer",
            predict,
            "Put tensors to an endpoint",
        ),
        (
            "GET",
            _VERSION,
            _READ,
            show_metadata,
            "Show the version's inputs and outputs",
        ),
        ("GET", f"{_VERSION}/ready", _READ, show_ready, "Is a version ready?"),
        (
            "POST",
            f"{_VERSION}/infer",
            "endpoint.infer",
            predict,
            "Put tensors to a version",
        ),
    )
)


class HotTable:
    """Finds the route of a path; a look-up in a dictionary for the most used ones."""

    def __init__(self, routes: tuple[HotRoute, ...] = HOT_ROUTES) -> None:
        self._exact: dict[str, dict[str, HotRoute]] = {}
        self._shapes: list[tuple[re.Pattern[str], dict[str, HotRoute]]] = []
        for route in routes:
            self._exact.setdefault(route.path, {})[route.method] = route
        for path, methods in self._exact.items():
            if "{" in path:
                shape = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
                self._shapes.append((re.compile(shape), methods))

    def find(self, path: str) -> tuple[Mapping[str, HotRoute], Place]:
        """Return the routes of *path* by method, none if there is no such path."""
        path = path.rstrip("/")
        found = self._exact.get(path)
        if found is not None and "{" not in path:
            return found, Place()
        for shape, methods in self._shapes:
            if match := shape.fullmatch(path):
                return methods, Place(**match.groupdict())
        return {}, Place()

    def handle(self, plane: DataPlane, exchange: Exchange) -> Work:
        """Return what answers *exchange*: the work of its route.

        A path or method that does not exist is named to those with a key only.
        """
        methods, place = self.find(exchange.path)
        route = methods.get(exchange.method)
        if route is not None:
            return route.handler(plane, exchange, place)
        plane.guard.identify(plane.switch.snapshot, exchange.credential)
        if methods:
            allowed = tuple(sorted(methods))
            raise WrongMethod(f"{exchange.method} is not offered here", allowed=allowed)
        raise NotFound(
            f"there is nothing at {exchange.path[:200]!r}",
            hint="/api/openapi.json says what there is",
        )


def _text(spoken: Spoken) -> Dialect:
    return Dialect(
        name=spoken.name,
        read=partial(_read_text, spoken),
        unreadable=unreadable_chat,
        answer=partial(answer, spoken),
    )


def _read_text(spoken: Spoken, body: bytes) -> Asked:
    name, request = spoken.read(body)
    match = _VERSIONED.fullmatch(name)
    if match is None:
        return Asked(endpoint=name, number=None, request=request)
    return Asked(endpoint=match[1], number=int(match[2]), request=request)


def _read_tensors(place: Place, json_length: str, body: bytes) -> Asked:
    return Asked(
        endpoint=place.model,
        number=version_number(place.version),
        request=infer.read(body, json_length),
    )


def version_number(text: str) -> int | None:
    """Return the version number in an address, None if it names none."""
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise NotFound(
            f"no version is called {text[:40]!r}", hint="versions are numbers from 1"
        )
    return int(text)


async def _deployment(
    plane: DataPlane, exchange: Exchange, place: Place
) -> tuple[Deployment, list[int]]:
    """Return what the address names of an endpoint, if the caller may see it.

    With it come the numbers of the versions that the caller may ask for.
    """
    snapshot, name, guard = plane.switch.snapshot, place.model, plane.guard
    wanted = _wanted(exchange, name[:128])
    caller = await guard.enter(snapshot, exchange.credential, wanted)
    found = endpoint_of(snapshot, caller, name)
    target = found or nothing(caller, "Endpoint", name[:128])
    await guard.permit(snapshot, caller, replace(wanted, target=target))
    if found is None:
        raise NotFound(f"no endpoint is called {name[:128]!r}", hint=_LISTED)
    deployment = snapshot.deployments.get(name)
    if deployment is None:
        reason = snapshot.broken.get(name, "it is not loaded")
        raise NotReady(f"endpoint {name} does not serve: {reason}")
    number = version_number(place.version)
    served = by_number(caller, deployment)
    if number is not None and number not in served:
        numbers = " and ".join(map(str, sorted(served)))
        raise NotFound(
            f"endpoint {name} does not serve version {number}",
            hint=f"it serves version {numbers}",
        )
    return served[number] if number else deployment, sorted(served)


def _wanted(exchange: Exchange, name: str = ANY) -> Wanted:
    where = f"{exchange.method} {exchange.path}"
    return Wanted(action=_READ, target=Target(kind="Endpoint", name=name), where=where)


async def _reply(exchange: Exchange, document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    await exchange.reply(Reply(status=200, headers=_JSON, body=body))


_CHAT = _text(openai.SPOKEN)
_COUNT = replace(
    _text(anthropic.COUNTED), answer=partial(messages.answer_count, anthropic.COUNTED)
)
_RESPONSES = _text(responses.SPOKEN)
_RESPONSES_COUNT = replace(
    _text(responses.COUNTED), answer=partial(messages.answer_count, responses.COUNTED)
)
_EMBEDDINGS = _text(embeddings.SPOKEN)
_RERANK = _text(rerank.SPOKEN)
