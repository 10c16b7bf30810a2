"""One visit to one page: who asks, what they may see, and how the page is written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.access.actions import ACTIONS, ANY
from roadbed.access.authorize import denial
from roadbed.access.visible import Viewer, nothing, whole
from roadbed.console import session
from roadbed.console.data import ConsoleData, ConsoleSource
from roadbed.console.learning.asked import Learning
from roadbed.console.render import Renderer, fragment, is_fetched
from roadbed.console.session import People, SessionStore, Way, action_token
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import NotFound
from roadbed.core.secret import Secret
from roadbed.inference.snapshot import Authority


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Somebody was refused: who (None: nobody known), what, why, and on which page."""

    principal: Principal | None
    action: str
    target: Target
    reason: str
    where: str


OnRefused = Callable[[Refusal], None]
"""Is told of every refusal before the visitor is, to record it. May block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the console is made of."""

    data: ConsoleSource
    sessions: SessionStore
    authority: Authority
    refused: OnRefused
    now_us: Callable[[], int]
    renderer: Renderer
    people: People


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation: its page, its key after `g`, its permission."""

    key: str
    label: str
    path: str
    action: str


LISTED = frozenset(
    {"Call", "Dataset", "Endpoint", "Evaluation", "Model", "Resource", "Run"}
)
"""Kinds whose pages are lists, which show as much as the visitor may see."""
PLACES = (
    Place("o", "Overview", "/console", "console.view"),
    Place("c", "Calls", "/console/calls", "call.read"),
    Place("e", "Endpoints", "/console/endpoints", "endpoint.read"),
    Place("l", "Rollouts", "/console/rollouts", "endpoint.read"),
    Place("m", "Models", "/console/models", "model.read"),
    Place("d", "Datasets", "/console/datasets", "dataset.read"),
    Place("u", "Runs", "/console/runs", "run.read"),
    Place("v", "Review", "/console/golden", "dataset.annotate"),
    Place("t", "Evaluations", "/console/evaluations", "evaluation.read"),
    Place("s", "Spend", "/console/spend", "call.read"),
    Place("r", "Resources", "/console/resources", "resource.read"),
    Place("a", "Audit", "/console/audit", "audit.read"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of someone who is signed in."""

    console: Console
    request: Request
    principal: Principal
    token: Secret
    now_us: int
    form: dict[str, str]

    @property
    def viewer(self) -> Viewer:
        """Return the visitor as one who sees what the policies let them see."""
        return Viewer(
            authority=self.console.authority,
            principal=self.principal,
            now_us=self.now_us,
        )

    @property
    def data(self) -> ConsoleData:
        """Where the page gets what it shows: what this visitor may see."""
        return self.console.data.seen_by(self.viewer)

    @property
    def learning(self) -> Learning:
        """Where the pages about review and quality get what they show."""
        return self.console.data.seen_by(self.viewer).learning(self.console.now_us)

    @property
    def from_form(self) -> bool:
        """Say whether htmx sent a form, whose address is then for us to spell."""
        return self.request.headers.get("hx-source", "").startswith("form")

    def named(self, part: str) -> str:
        """Return the part of the address that the route calls *part*."""
        return self.request.path_params[part]

    def may(self, action: str, target: Target | None = None) -> Decision:
        """Decide whether this visitor may do *action* to *target*, or to all."""
        chosen = target or whole(self.principal, ACTIONS[action].kind)
        return self.viewer.decide(action, chosen)

    def found(self, action: str) -> Target | None:
        """Return what the address names, if it is there for this visitor."""
        kind, params = ACTIONS[action].kind, self.request.path_params
        return self.data.find(kind, self._asked(kind) or "", params.get("kind", ""))

    def _asked(self, kind: str) -> str | None:
        """Return the name in the address, None in that of a list."""
        params = self.request.path_params
        name = params.get("name")
        return f"{name}@{params['number']}" if kind == "ModelVersion" else name

    def enter(self, action: str) -> None:
        """Go on if the visitor may do *action* to what the address names.

        Else tell of it and raise Denied, or NotFound: also for what is of another
        tenant. A list goes on where some of it may be seen, and shows no more.
        """
        kind = ACTIONS[action].kind
        name = self._asked(kind)
        asked = Target(kind=kind, name=name or ANY)
        might = self.viewer.might(action)
        if name is None:
            if not (might and kind in LISTED):
                self._require(action, whole(self.principal, kind), asked)
            return
        found = self.found(action) if might else None
        called = self.request.path_params.get("kind", kind)
        self._reach(action, found, asked, called)

    def also(self, action: str, kind: str, name: str) -> None:
        """Go on if the visitor may do *action* to one more thing that they named."""
        found = self.data.find(kind, name)
        self._reach(action, found, Target(kind=kind, name=name), kind)

    def _reach(
        self, action: str, found: Target | None, asked: Target, called: str
    ) -> None:
        target = found or nothing(self.principal, asked.kind, asked.name)
        self._require(action, target, asked)
        if found is None:
            raise NotFound(
                f"there is no {called[:40]} called {asked.name[:80]!r}",
                hint="the lists show what you may see",
            )

    def _require(self, action: str, target: Target, asked: Target) -> None:
        decision = self.may(action, target)
        if decision.allowed:
            return
        error = denial(self.principal, action, asked, decision)
        self.console.refused(
            Refusal(
                principal=self.principal,
                action=action,
                target=asked,
                reason=error.message,
                where=f"{self.request.method} {self.request.url.path}",
            )
        )
        raise error

    @property
    def way(self) -> Way | None:
        """The identity provider that vouched for this visitor, None if a key did."""
        if self.principal.kind != "user":
            return None
        issuer = self.principal.name.partition("#")[0]
        ways = [way for way in self.console.people.ways() if way.issuer == issuer]
        return ways[0] if ways else None

    def proving_anew(self, action: str) -> str:
        """Return where to sign in again, if that is all that *action* still needs.

        A privileged act takes a proof that is fresh; empty if it would not help.
        """
        way, now_us = self.way, self.now_us
        if way is None or self.principal.fresh_until_us > now_us:
            return ""
        anew = replace(self.principal, fresh_until_us=now_us + 1)
        named = self.request.path_params.get("name")
        target = (self.found(action) if named else None) or whole(
            self.principal, ACTIONS[action].kind
        )
        authority = self.console.authority
        if not authority.decide(anew, action, target, now_us).allowed:
            return ""
        url = self.request.url
        path = url.path + (f"?{url.query}" if url.query else "")
        back = path if self.request.method == "GET" else session.HOME
        return way.leading_to(back, again=True)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Write a whole page, with the navigation this visitor may use."""
        return self.console.renderer.page(
            self.request,
            template,
            status,
            principal=self.principal,
            places=[p for p in PLACES if self._leads_on(p)],
            form_token=action_token(self.token),
            now_us=self.now_us,
            **values,
        )

    def _leads_on(self, place: Place) -> bool:
        listed = ACTIONS[place.action].kind in LISTED
        some = listed and self.viewer.might(place.action)
        return some or self.may(place.action).allowed

    def part(self, template: str, parts: dict[str, str], **values: Any) -> Response:
        """Write the part htmx asks for, by the id of its element, or the page."""
        wanted = parts.get(fragment(self.request), template)
        return self.page(wanted, **values)

    def go(self, path: str) -> Response:
        """Send the browser to another page of the console."""
        if is_fetched(self.request):
            return Response(headers={"HX-Redirect": path})
        return RedirectResponse(path, 303)
