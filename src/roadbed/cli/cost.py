"""`roadbed cost`: what calls have cost."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.command()
@click.option(
    "--by",
    default="endpoint",
    show_default=True,
    help="endpoint, model, provider, principal, tenant, team, day or label:NAME.",
)
@click.option(
    "--since", default="7d", show_default=True, help="How far back: 12h, 7d, 4w."
)
@output_option
@acts("call.read")
def command(by: str, since: str, output: str) -> None:
    """Show what the calls that you may see have cost, in US dollars."""
    from roadbed.cli._session import listing
    from roadbed.control import seen
    from roadbed.gateway.history import Span
    from roadbed.gateway.money.rule import dollars
    from roadbed.gateway.money.spend import DAY_US, costs, label_of, since_us

    label = label_of(by)
    with listing() as line:
        now_us = line.app.now_us()
        begin = since_us(since, now_us)
        span = Span(since_us=begin, until_us=now_us + 1, step_us=DAY_US)
        found = costs(seen.spend(line.viewer, line.app.calls, span, label), by)
    if output == "json":
        print_json({"by": by, "since_us": begin, "costs": [_plain(c) for c in found]})
        return
    if not found:
        click.echo(f"no calls in the last {since}")
        return
    rows = [
        (
            cost.name or "(none)",
            str(cost.calls),
            str(cost.input_tokens),
            str(cost.output_tokens),
            f"${dollars(cost.cost_nano)}",
            str(cost.unpriced or ""),
        )
        for cost in found
    ]
    print_table((by, "calls", "tokens in", "tokens out", "cost", "unpriced"), rows)


def _plain(cost: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(cost)  # pyright: ignore[reportArgumentType]
