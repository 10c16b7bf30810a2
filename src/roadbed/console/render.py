"""Templates and headers: how a page is written and what the browser may do with it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed import __version__
from roadbed.console import charts, words
from roadbed.console.assays import places as assay_places
from roadbed.console.assays.forest import forest
from roadbed.console.assets import Assets
from roadbed.console.custody import places
from roadbed.console.rollouts import places as rolling
from roadbed.console.rollouts import wording
from roadbed.console.rollouts.gauges import bet, gauge
from roadbed.console.rollouts.strip import strip

if TYPE_CHECKING:
    from jinja2 import Environment

_POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, HX-Request, HX-Target",
    "X-Content-Type-Options": "nosniff",
}
_THEMES = ("light", "dark")
_GLOBALS: Mapping[str, Any] = {
    "columns": charts.columns,
    "step_words": charts.step_words,
    "ticks": charts.ticks,
    "cost_columns": charts.cost_columns,
    "contributions": charts.contributions,
    "by_size": charts.by_size,
    "model_page": places.model_page,
    "version_page": places.version_page,
    "dataset_page": places.dataset_page,
    "dataset_version_page": places.dataset_version_page,
    "run_page": places.run_page,
    "diff_page": places.diff_page,
    "compare_page": places.compare_page,
    "evaluation_page": assay_places.evaluation_page,
    "report_page": assay_places.report_page,
    "comparison_page": assay_places.comparison_page,
    "forest": forest,
    "rollout_page": rolling.rollout_page,
    "rollouts_of": rolling.rollouts_of,
    "calls_of": rolling.calls_of,
    "rolled": wording,
    "gauge": gauge,
    "bet": bet,
    "strip": strip,
    "version": __version__,
}
"""What templates call beside their filters."""


@dataclass(frozen=True)
class Renderer:
    """Writes pages and fragments from templates in which everything is escaped."""

    assets: Assets

    @cached_property
    def environment(self) -> "Environment":
        """The package's templates; prepared, and Jinja loaded, for the first page."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("roadbed.console", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(words.FILTERS)
        environment.globals.update(_GLOBALS, asset=self.assets.url)
        return environment

    def page(
        self, request: Request, template: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Write *template* for *request*.

        The nonce says to `hx-csp` which htmx attributes the server wrote; markup
        that someone smuggled in has none. A fragment names its nonce in its own
        policy header, where the script looks for it; a page's policy needs none,
        for no script is inline.
        """
        nonce = secrets.token_urlsafe(16)
        fetched = is_fetched(request)
        theme = request.cookies.get("roadbed-theme", "")
        text = self.environment.get_template(template).render(
            nonce=nonce,
            fetched=fetched,
            theme=theme if theme in _THEMES else "",
            base_url=str(request.base_url).rstrip("/"),
            path=request.url.path,
            **values,
        )
        policy = _POLICY.format(nonce=f" 'nonce-{nonce}'" if fetched else "")
        headers = {**_HEADERS, "Content-Security-Policy": policy}
        return HTMLResponse(text, status, headers)


def is_fetched(request: Request) -> bool:
    """Say whether a script fetches this, to put it into a page that is open."""
    return "hx-request" in request.headers or is_restored(request)


def is_restored(request: Request) -> bool:
    """Say whether htmx wants the whole page, because someone went back to it."""
    return "hx-history-restore-request" in request.headers


def fragment(request: Request) -> str:
    """Return the id of the one part of the page that htmx asks for, `""` for all."""
    if is_restored(request):
        return ""
    return request.headers.get("hx-target", "").rpartition("#")[2]
