"""Models: the list, one model, one version with its chain, and what changed."""

from starlette.responses import Response

from roadbed.console.custody.filters import DiffFilter, ModelFilter
from roadbed.console.custody.picture import picture
from roadbed.console.custody.places import MODELS
from roadbed.console.visit import Visit
from roadbed.core.reference import VersionRef, parse

EXAMPLE = """\
apiVersion: roadbed/v1
kind: Model
metadata:
  name: support
spec:
  owner: support-team
  purposes: [customer-support]
  hosted:
    provider: openai  # a Provider of yours
    upstream: gpt-4o-2024-11-20
"""


def models(visit: Visit) -> Response:
    """Show one page of models."""
    wanted = ModelFilter.read(visit.request.query_params)
    return visit.page(
        "models.html",
        view=visit.data.custody.models(wanted),
        wanted=wanted,
        here=MODELS,
        example=EXAMPLE,
    )


def model(visit: Visit) -> Response:
    """Show one model and how each of its versions stands."""
    view = visit.data.custody.model(visit.named("name"))
    return visit.page(
        "model.html",
        view=view,
        may_read_resources=visit.may("resource.read").allowed,
    )


def version(visit: Visit) -> Response:
    """Show one version: what it is, and the whole chain as a picture."""
    ref = _version(visit)
    view = visit.data.custody.version(ref, visit.now_us)
    chain = view.chain
    drawn = picture(chain.nodes, chain.edges)
    found = visit.data.assays.of_version(str(ref), visit.now_us)
    return visit.page("version.html", view=view, drawn=drawn, evaluations=found)


def verification(visit: Visit) -> Response:
    """Hash all again that a version was made of, and show what was found."""
    ref = _version(visit)
    return visit.part(
        "verified.html",
        {"verified": "_verified.html"},
        ref=ref,
        found=visit.data.custody.verify(ref),
    )


def changes(visit: Visit) -> Response:
    """Show what changed between two versions, the likeliest cause first."""
    query, name = visit.request.query_params, visit.named("name")
    wanted = DiffFilter.read(query.get("from", ""), query.get("to", ""))
    for number in (wanted.left, wanted.right):
        if number:
            ref = str(VersionRef(name, number))
            visit.also("version.read", "ModelVersion", ref)
    view = visit.data.custody.model_changes(name, wanted)
    return visit.page("changes.html", view=view)


def _version(visit: Visit) -> VersionRef:
    return parse(f"{visit.named('name')}@{visit.named('number')}")
