"""`roadbed calls`: the call log."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json, print_table


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def command(context: click.Context, output: str) -> None:
    """Read the call log, in the spool and sealed. Without a word, list it."""
    if context.invoked_subcommand is None:
        with context.scope(), click.Context(list_, parent=context) as inner:
            inner.invoke(list_, output=output, limit=20)


@command.command("list")
@click.option("--endpoint", help="Only calls of this endpoint.")
@click.option("--status", help="Only calls that ended so: ok, error, denied, …")
@click.option("--rollout", help="Only calls that were part of this rollout.")
@click.option(
    "--arm", help="Only calls that it put there: old, new, placed-new, first-new, …"
)
@click.option("--before", help="Only calls older than this one; for paging.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many at most.",
)
@output_option
@acts("call.read")
def list_(limit: int, output: str, **wanted: str | None) -> None:
    """List calls, newest first."""
    from roadbed.cli._session import listing
    from roadbed.control import seen
    from roadbed.core.clock import to_text
    from roadbed.gateway.history import CallQuery

    asked: dict[str, Any] = {name: said for name, said in wanted.items() if said}
    query = CallQuery(limit=limit, **asked)
    with listing() as line:
        records = seen.calls(line.viewer, line.app.calls, query)
    if output == "json":
        print_json({"calls": [msgspec.to_builtins(r) for r in records]})
        return
    if not records:
        empty = "no calls yet; ask an endpoint, such as with the OpenAI SDK"
        click.echo("no call matches" if asked else empty)
        return
    rows = [
        (
            to_text(r.ts)[:19],
            r.call_id,
            r.endpoint,
            r.model,
            r.status,
            f"{r.latency_us / 1000:.1f}",
            r.principal,
        )
        for r in records
    ]
    print_table(("time", "call", "endpoint", "model", "status", "ms", "by"), rows)


@command.command()
@click.argument("call")
@output_option
@acts("call.read")
def get(call: str, output: str) -> None:
    """Print the record of CALL, and its question and answer if you may see them."""
    from roadbed.cli._feedback import feedbacks, lines
    from roadbed.cli._session import session
    from roadbed.control.feedback import shown
    from roadbed.control.targets import call_target

    with session(call) as line:
        found = line.app.calls.find(call)
        readable = line.viewer.may("call.read-payload", call_target(found.record))
        said = shown(line.viewer, found.record, feedbacks(line.app).of(call))
    record = msgspec.to_builtins(found.record)
    kept = found.payload if readable else None
    payload = msgspec.to_builtins(kept) if kept else None
    if output == "json":
        told = {"record": record, "payload": payload, "readable": readable}
        print_json({**told, "feedback": [asdict(each) for each in said]})
        return
    for name, value in record.items():
        click.echo(f"{name:<16} {plain(value)}")
    if payload:
        click.echo(f"\nrequest   {plain(payload['request'])}")
        click.echo(f"response  {plain(payload['response'])}")
    elif readable:
        click.echo("\nwhat was said: it was erased, or not kept")
    else:
        click.echo("\nwhat was said: you may not read it (call.read-payload)")
    for told in lines(said):
        click.echo(plain(told))


@command.command()
@click.option("--endpoint", help="Only calls of this endpoint.")
@click.option(
    "--since", type=click.DateTime(), help="Only calls since then, in UTC: 2026-01-31."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1_000,
    show_default=True,
    help="How many calls to look at, the newest ones.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write.",
)
@output_option
@acts("call.read-payload")
def export(
    endpoint: str | None, since: datetime | None, limit: int, out: Path, output: str
) -> None:
    """Write conversations to a file that a provider of type `replay` answers from.

    Only those that ended well, and whose question and answer were kept and are yours
    to read. The file holds what was said: keep it as you keep the call log.
    """
    from roadbed.cli._private import write_private_bytes
    from roadbed.cli._session import listing
    from roadbed.control.replays import export as collect
    from roadbed.core.clock import to_us
    from roadbed.gateway.history import CallQuery

    query = CallQuery(
        endpoint=endpoint or "",
        status="ok",
        since_us=to_us(since.replace(tzinfo=UTC)) if since else None,
        limit=limit,
    )
    with listing() as line:
        done = collect(line.viewer, line.app.calls, query)
    write_private_bytes(out, done.data)
    count = len(done.lines)
    if output == "json":
        told = {"calls": count, "left_out": done.left_out, "digest": done.digest}
        print_json({"file": str(out), **told})
        return
    left = f"; {done.left_out} cannot be replayed" if done.left_out else ""
    click.echo(f"wrote {count} calls to {out}{left}")
    click.echo(f"pin them in the Provider: digest: {done.digest}")


@command.command()
@click.argument("call", required=False, default="")
@click.option("--thumbs", type=click.Choice(["up", "down"]), help="Good or bad.")
@click.option("--score", type=float, help="A number.")
@click.option("--label", help="A short text, such as refund.")
@click.option("--correction", help="What the answer should have been: text or JSON.")
@click.option("--outcome", help="What turned out true: a number, text or JSON list.")
@click.option("--name", default="", help="Tells apart what one source says.")
@click.option("--source", default="", help="Who says it, as a pseudonym; else you.")
@click.option("--comment", default="", help="Words for those who look closer.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Feedback of many calls: JSON Lines with call (or trace), kind and value.",
)
@output_option
@acts("call.feedback")
def feedback(call: str, file: Path | None, output: str, **said: str | float) -> None:
    """Say how the answer to CALL was, or what turned out true.

    The same again changes nothing; something else takes its place, and what was said
    before stays on record.
    """
    from roadbed.cli._feedback import ear, spoken, tell, told_in
    from roadbed.cli._session import listing

    wanted = told_in(file) if file else [spoken(call, said)]
    with listing() as line:
        if file:
            heard = ear(line).hear_all(wanted)
        else:
            heard = [ear(line).hear(each) for each in wanted]
    tell(heard, output)


@command.command("erase-feedback")
@click.argument("call")
@click.option("--reason", required=True, help="Why; it goes on the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@acts("call.erase")
def erase_feedback(call: str, reason: str, yes: bool) -> None:
    """Erase the words that were said of CALL: corrections, outcomes, comments.

    What was counted, such as thumbs, stays, and so does that something was said.
    Candidates for golden sets lose what they hold of the call, and are rejected.
    """
    from roadbed.cli._feedback import feedbacks
    from roadbed.cli._golden import golden
    from roadbed.cli._session import confirm, session

    with session(call) as line:
        confirm(f"Erase what was said of {call}? It cannot be undone.", yes=yes)
        gone = feedbacks(line.app).erase(call, reason, line.actor)
        golden(line.app).erase(call)
    click.echo(f"erased the words of {gone} feedback" if gone else "nothing to erase")


@command.command()
@click.argument("call")
@click.option("--reason", required=True, help="Why; it goes on the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
@acts("call.erase")
def erase(call: str, reason: str, yes: bool, output: str) -> None:
    """Erase what was said in CALL and about it, and the copies of it.

    The question and the answer, words of feedback, candidates for golden sets, and
    what evaluations answered and graded to cases made of it. The record, counts and
    figures stay, and so does the proof that the call was made: `roadbed verify CALL`
    says ERASED. Versions of datasets and models are immutable: those that hold some
    of it are named.
    """
    from roadbed.cli._erased import eraser, lines
    from roadbed.cli._session import confirm, session
    from roadbed.cli._verify import seal_now
    from roadbed.control.erasing import Because

    with session(call) as line:
        confirm(f"Erase what was said in {call}? It cannot be undone.", yes=yes)
        seal_now(line.app, call)
        because = Because(reason=reason, actor=line.actor, at_us=line.app.now_us())
        done = eraser(line.app).erase(call, because)
    if output == "json":
        print_json(asdict(done))
        return
    for told in lines(done):
        click.echo(plain(told))
