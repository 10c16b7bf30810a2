"""The device flow at a terminal: show a code, and wait until somebody confirms it."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from roadbed.identity.device import Tokens, Waiting
    from roadbed.identity.directory import Company
    from roadbed.identity.relying import RelyingParty


def sign_in(
    relying: "RelyingParty",
    company: "Company",
    sleep: Callable[[float], None] = time.sleep,
) -> "Tokens":
    """Return the tokens of whoever confirms the code that is shown.

    Asks no more often than the provider allows. Raises Denied if the person said
    no, or nobody came in time.
    """
    waiting = relying.begin_device(company)
    try:
        _show(waiting)
        return _confirmed(relying, company, waiting, sleep)
    except KeyboardInterrupt:
        _progress(0)
        click.echo("given up: nobody is logged in", err=True)
        sys.exit(130)


def _confirmed(
    relying: "RelyingParty",
    company: "Company",
    waiting: "Waiting",
    sleep: Callable[[float], None],
) -> "Tokens":
    from roadbed.identity.device import Waiting, too_late

    ends = time.monotonic() + waiting.expires_s
    while time.monotonic() < ends:
        _progress(ends - time.monotonic())
        sleep(waiting.interval_s)
        answer = _ask(relying, company, waiting)
        if not isinstance(answer, Waiting):
            _progress(0)
            return answer
        waiting = answer
    raise too_late()


def _ask(
    relying: "RelyingParty", company: "Company", waiting: "Waiting"
) -> "Tokens | Waiting":
    """Ask once; while the provider is not there, go on more slowly."""
    from roadbed.core.errors import TimedOut, Unavailable
    from roadbed.identity.device import SLOWER_S

    try:
        return relying.poll(company, waiting)
    except (TimedOut, Unavailable):
        return replace(waiting, interval_s=waiting.interval_s + SLOWER_S)


def _show(waiting: "Waiting") -> None:
    from roadbed.cli._output import plain

    click.echo("To log in, open this address on any device and confirm the code:")
    click.echo(f"\n  {plain(waiting.address)}")
    click.echo(f"  {click.style(plain(waiting.user_code), bold=True)}\n")
    if waiting.complete:
        click.echo(f"or, with the code in it: {plain(waiting.complete)}")


def _progress(left_s: float) -> None:
    """Say on a terminal how long there is left; 0 wipes the line away."""
    if not sys.stderr.isatty():
        return
    text = f"waiting, {left_s / 60:.0f} min left; Ctrl-C gives up" if left_s else ""
    click.echo(f"\r{text:<60}\r" if not text else f"\r{text:<60}", nl=False, err=True)
