"""What policies may read of what is declared: the one way from content to attributes.

A list of who may do something names people as the stack does, `user:company/1f2e`;
here it gets the name that a principal has, `user:https://login.example.com#1f2e`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from roadbed.core.decision import Target
from roadbed.core.reference import VersionRef, parse
from roadbed.core.resource import tenant_of
from roadbed.identity.directory import Directory
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Upstream
from roadbed.inference.terms import Terms, terms_in
from roadbed.registry.approvals import made_by
from roadbed.rollouts.rollout import Rollout, Served, served

Content = Mapping[str, Any]
LISTS = ("infer", "read", "retrain", "approve", "promote", "delete")
"""The lists of who may do something that a model can have."""


READABLE = (
    "classification",
    "owner",
    "purpose",
    "purposes",
    "region",
    "residency",
    "stage",
)
"""The fields of a spec that a policy may read, where a kind has them."""


_NOWHERE: dict[str, Any] = {"name": "", "config": {}, "weight": 1, "region": None}


def attributes_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what policies may read of the resource with this *content*."""
    spec = content["spec"]
    known = {name: spec[name] for name in READABLE if spec.get(name)}
    if content["kind"] == "Endpoint":
        known["model"] = spec["model"].partition("@")[0]
    if labels := content["metadata"].get("labels"):
        known["labels"] = labels
    return {"tenant": tenant_of(content), **known}


def terms_of(content: Content) -> dict[str, Any]:
    """Return an endpoint's own terms, and what policies may read of it."""
    spec = content["spec"]
    own = ("stage", "deadline_ms", "ack", "keep_payloads")
    return {name: spec[name] for name in own} | {
        "terms": Terms(**terms_in(spec)),
        "attributes": attributes_of(content),
    }


def pins_of(endpoint: Content) -> list[VersionRef]:
    """Return all versions that may answer at *endpoint*, the pinned one first."""
    spec = endpoint["spec"]
    return [parse(p) for p in (spec["model"], *Terms(**terms_in(spec)).pins())]


def served_of(endpoint: Content, newest: Rollout | None, now_us: int) -> Served:
    """Return what *endpoint* serves at *now_us*, of which *newest* is the rollout."""
    pin = str(endpoint["spec"]["model"])
    if newest is not None and newest.tenant != tenant_of(endpoint):
        newest = None  # Its name was another tenant's before.
    return served(pin, newest, now_us / 1e6)


def loaded_of(endpoint: Content, served: Served) -> list[VersionRef]:
    """Return all versions that are loaded for *endpoint*: those kept for later too."""
    said = (served.base, served.candidate, served.kept)
    return [*pins_of(endpoint), *(parse(pin) for pin in said if pin)]


def places_of(provider: Content) -> list[dict[str, Any]]:
    """Return the upstreams of a provider, one without a name where none is listed."""
    return provider["spec"].get("upstreams") or [_NOWHERE]


def configs_of(provider: Content) -> list[dict[str, Any]]:
    """Return the config of each place of a provider: its own, over the provider's."""
    common = provider["spec"]["config"]
    return [{**common, **place["config"]} for place in places_of(provider)]


def choice_of(
    version: ModelVersion,
    readable: Mapping[str, Any],
    provider: Content | None,
    open_at: Callable[[Mapping[str, Any]], Any] = lambda place: None,
) -> Choice:
    """Return *version* as it is asked at the places of *provider*.

    *readable* are its attributes; *open_at* returns its runner at one place.
    """
    spec = provider["spec"] if provider else {}
    places = [
        Upstream(
            runner=open_at(place),
            provider=str(version.body.get("provider", "")),
            name=place["name"],
            region=place["region"] or spec.get("region") or "",
            weight=place["weight"],
            on_disconnect=spec.get("on_disconnect", "cancel"),
        )
        for place in (places_of(provider) if provider else [_NOWHERE])
    ]
    return Choice(
        version=version,
        upstreams=tuple(places),
        balance=spec.get("balance", "weighted"),
        attributes=readable,
    )


def deployment_of(
    endpoint: Content, first: Choice, others: Mapping[str, Choice]
) -> Deployment:
    """Return what *endpoint* serves: *first*, and in need *others*, by their pins."""
    terms = terms_of(endpoint)
    known: Terms = terms["terms"]
    fallback = [others[pin] for pin in known.fallback if pin in others]
    smaller = {d.model for d in known.degrade if d.model in others}
    return Deployment(
        endpoint=endpoint["metadata"]["name"],
        choices=(first, *fallback),
        smaller={pin: others[pin] for pin in smaller if pin},
        **terms,
    )


def endpoint_target(content: Content) -> Target:
    """Return the endpoint with this *content* as a target, as it is declared."""
    return Target.fixed("Endpoint", content["metadata"]["name"], attributes_of(content))


def dataset_target(content: Content) -> Target:
    """Return the dataset with this *content* as a target."""
    return Target.fixed("Dataset", content["metadata"]["name"], attributes_of(content))


def version_attributes(
    content: Content | None, ref: VersionRef, maker: str, directory: Directory
) -> dict[str, Any]:
    """Return what policies may read of the version *ref*, made by *maker*.

    *content* is the model's, None if it was never declared; a list for the version
    takes the place of the one for all.
    """
    made = {"registered_by": made_by(maker)} if maker else {}
    if content is None:
        return made
    spec = content["spec"]
    all_versions = spec.get("access") or {}
    this_one = spec.get("versions", {}).get(str(ref.number)) or {}
    lists = {}
    for name in LISTS:
        who = this_one.get(name)
        who = all_versions.get(name) if who is None else who
        if who is not None:
            lists[f"{name}_by"] = resolved(who, directory)
    readable = {"owner": spec["owner"], "purposes": spec.get("purposes", [])}
    readable |= _whose(content)
    said = {name: value for name, value in readable.items() if value}
    return {**said, **lists, **made}


def version_target(
    content: Content | None,
    version: ModelVersion,
    directory: Directory,
    providers: Mapping[str, Content],
    maker: str = "",
) -> Target:
    """Return *version* as a target, apart from any endpoint.

    *providers* are the contents of the Providers, by name.
    """
    ref = VersionRef(version.model, version.number)
    own = version_attributes(content, ref, maker, directory)
    provider = str(version.body.get("provider", ""))
    own |= {"model": version.model, "provider": provider}
    region = region_of(providers.get(provider))
    if region:
        own["region"] = region
    return Target.fixed("ModelVersion", str(ref), own)


def region_of(provider: Content | None) -> str:
    """Return where the provider with this content processes, empty if unknown.

    Of a provider with several places that is where the first one is.
    """
    return regions_of(provider)[0] if provider else ""


def regions_of(provider: Content) -> list[str]:
    """Return where each place of a provider processes, empty where that is unknown."""
    own = provider["spec"].get("region") or ""
    return [place["region"] or own for place in places_of(provider)]


def resolved(who: Iterable[str], directory: Directory) -> list[str]:
    """Return *who* with people named by issuer and subject, as principals are.

    A person of a provider that is not declared is nobody, and left out.
    """
    issuers = {company.name: issuer for issuer, company in directory.companies.items()}
    names = []
    for name in who:
        kind, _, rest = name.partition(":")
        if kind != "user":
            names.append(name)
            continue
        company, _, subject = rest.partition("/")
        if company in issuers:
            names.append(f"user:{issuers[company]}#{subject}")
    return sorted(names)


def _whose(content: Content) -> dict[str, Any]:
    labels = content["metadata"]["labels"]
    return {"tenant": tenant_of(content), **({"labels": labels} if labels else {})}
