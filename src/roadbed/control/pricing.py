"""Which prices count for what is declared: at each place that a version is asked at."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from roadbed.control.readable import places_of
from roadbed.gateway.money.pricelist import PriceBook, Priced
from roadbed.inference.snapshot import Choice

Content = Mapping[str, Any]


def priced(choice: Choice, provider: Content, book: PriceBook) -> Choice:
    """Return *choice* with the prices of each of its upstreams, where any are known.

    *provider* is the content of the provider that it is asked at.
    """
    tenant = str(choice.attributes.get("tenant", "default"))
    asked = list(wanted(choice.version.model, choice.version.body, provider, tenant))
    both = zip(choice.upstreams, asked, strict=True)
    return replace(
        choice,
        upstreams=tuple(replace(place, prices=book.find(w)) for place, w in both),
    )


def wanted(
    model: str, body: Content, provider: Content, tenant: str
) -> Iterator[Priced]:
    """Yield what has to be priced: a version's *body* at each place of *provider*.

    A model that was trained here goes by its own name.
    """
    spec = provider["spec"]
    for place in places_of(provider):
        config = {**spec.get("config", {}), **place["config"]}
        yield Priced(
            provider=provider["metadata"]["name"],
            type=spec["type"],
            base_url=str(config.get("base_url", "")),
            upstream=str(body.get("upstream") or model),
            tenant=tenant,
        )
