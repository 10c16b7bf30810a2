"""The console's routes: each with the action it needs and the page it shows."""

from collections.abc import Callable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from roadbed.access.actions import PUBLIC
from roadbed.console import (
    audit,
    calls,
    datasets,
    endpoints,
    evaluations,
    golden,
    models,
    overview,
    quality,
    resources,
    rolling,
    runs,
    session,
    spend,
    whoami,
)
from roadbed.console.assets import PREFIX, Assets
from roadbed.console.data import ConsoleSource
from roadbed.console.guard import Guard, Handler, Page, missing
from roadbed.console.render import Renderer
from roadbed.console.session import Nobody, People, SessionStore
from roadbed.console.signin import begin, finish, sign_in, sign_in_page, sign_out
from roadbed.console.visit import Console, OnRefused, Refusal
from roadbed.core.clock import SystemClock, to_us
from roadbed.inference.snapshot import Authority

ConsoleRoute = tuple[str, str, str, Handler]
"""Method, path, action, handler."""

_PAGES: tuple[tuple[str, str, str, Page], ...] = (
    ("GET", "", "console.view", overview.overview),
    ("GET", "/calls", "call.read", calls.calls),
    ("GET", "/calls/{name}.json", "call.read", calls.call_json),
    ("GET", "/calls/{name}", "call.read", calls.call),
    ("GET", "/calls/{name}/proof", "call.read", calls.proof),
    ("GET", "/calls/{name}/payload", "call.read-payload", calls.bodies),
    ("GET", "/endpoints", "endpoint.read", endpoints.endpoints),
    ("GET", "/endpoints/{name}", "endpoint.read", endpoints.endpoint),
    ("GET", "/models", "model.read", models.models),
    ("GET", "/models/{name}", "model.read", models.model),
    ("GET", "/models/{name}/diff", "model.read", models.changes),
    ("GET", "/models/{name}/{number}", "version.read", models.version),
    ("GET", "/models/{name}/{number}/proof", "version.read", models.verification),
    ("GET", "/datasets", "dataset.read", datasets.datasets),
    ("GET", "/datasets/{name}", "dataset.read", datasets.dataset),
    ("GET", "/datasets/{name}/diff", "dataset.read", datasets.diff),
    ("GET", "/datasets/{name}/{number}", "dataset.read", datasets.version),
    ("GET", "/runs", "run.read", runs.runs),
    ("GET", "/runs/compare", "run.read", runs.compare),
    ("GET", "/runs/{name}", "run.read", runs.run),
    ("GET", "/endpoints/{name}/quality", "endpoint.read", quality.quality),
    ("GET", "/golden", "dataset.annotate", golden.queues),
    ("GET", "/golden/{name}", "dataset.annotate", golden.review),
    ("POST", "/golden/{name}", "dataset.annotate", golden.label),
    ("GET", "/evaluations", "evaluation.read", evaluations.evaluations),
    ("GET", "/evaluations/{name}", "evaluation.read", evaluations.evaluation),
    ("GET", "/evaluations/{name}/compare", "evaluation.read", evaluations.compare),
    ("GET", "/evaluations/{name}/{report}", "evaluation.read", evaluations.report),
    ("GET", "/judges", "evaluation.read", evaluations.judges),
    ("GET", "/rollouts", "endpoint.read", rolling.rollouts),
    ("GET", "/rollouts/{rollout}", "endpoint.read", rolling.rollout),
    ("POST", "/rollouts/{rollout}/steer", "rollout.steer", rolling.steer),
    ("POST", "/rollouts/{rollout}/rollback", "rollout.rollback", rolling.roll_back),
    ("GET", "/spend", "call.read", spend.spend),
    ("GET", "/resources", "resource.read", resources.resources),
    ("GET", "/resources/{kind}/{name}", "resource.read", resources.resource),
    ("GET", "/audit", "audit.read", audit.audit),
    ("GET", "/whoami", "session.read", whoami.whoami),
    ("POST", "/sign-out", "session.end", sign_out),
    ("GET", "/{rest:path}", "console.view", missing),
)


def _unrecorded(refusal: Refusal) -> None:
    return None


def _now_us() -> int:
    return to_us(SystemClock().now())


def make_console(
    data: ConsoleSource,
    sessions: SessionStore,
    authority: Authority,
    *,
    refused: OnRefused = _unrecorded,
    now_us: Callable[[], int] = _now_us,
    people: People | None = None,
) -> list[ConsoleRoute]:
    """Return the console's routes, to be mounted at the root in this order.

    Each handler checks session and permission itself and answers 401 with the
    sign-in page, 403 or an error page; `action` is there for the server to list.
    `refused` is told of every refusal, wrong keys included. `people` lets in whom an
    identity provider vouches for; without it there are keys only. Paths are
    Starlette's; the last route takes what is left under `/console/`.
    """
    assets = Assets.load()
    console = Console(
        data=data,
        sessions=sessions,
        authority=authority,
        refused=refused,
        now_us=now_us,
        renderer=Renderer(assets),
        people=people or Nobody(),
    )
    guard = Guard(console)
    return [
        ("GET", PREFIX + "/{name:path}", PUBLIC, assets.send),
        *_doors(console),
        *(
            (method, session.HOME + path, action, guard(action, page))
            for method, path, action, page in _PAGES
        ),
    ]


def _doors(console: Console) -> list[ConsoleRoute]:
    """Return what strangers may ask for: the ways to sign in."""
    one = session.SIGN_IN + "/{provider}"
    return [
        ("GET", session.SIGN_IN, PUBLIC, _in_thread(partial(sign_in_page, console))),
        ("POST", session.SIGN_IN, PUBLIC, partial(sign_in, console)),
        ("GET", one, PUBLIC, _in_thread(partial(begin, console))),
        ("GET", session.CALLBACK, PUBLIC, _in_thread(partial(finish, console))),
    ]


def _in_thread(page: Callable[[Request], Response]) -> Handler:
    async def handler(request: Request) -> Response:
        return await run_in_threadpool(page, request)

    return handler
