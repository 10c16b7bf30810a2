"""Which prices count for what is declared: at each place that a version is asked at."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from roadbed.control.readable import places_of
from roadbed.control.stack import Stack
from roadbed.core.resource import tenant_of
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


def unpriced(stack: Stack, now_us: int) -> list[str]:
    """Say of which hosted models of *stack* no price is known at *now_us*."""
    book = PriceBook(loaded.content for loaded in stack.of("PriceList"))
    notes = []
    for model in stack.of("Model"):
        body = model.content["spec"].get("hosted")
        provider = stack.by_key.get(("Provider", body["provider"])) if body else None
        if provider is None:
            continue
        name, tenant = model.resource.metadata.name, tenant_of(model.content)
        for asked in wanted(name, body, provider.content, tenant):
            found = None if asked.here else book.find(asked)
            if not asked.here and (found is None or found.at(now_us) is None):
                notes.append(
                    f"no price is known for {asked.upstream} at {asked.provider}, "
                    f"which model {name} asks: its calls count as free. "
                    "Declare one: kind: PriceList"
                )
                break
    return notes
