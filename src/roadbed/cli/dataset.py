"""`roadbed dataset`: datasets, and their immutable versions."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json, print_table

if TYPE_CHECKING:
    from roadbed.cli._session import Session


@click.group()
def command() -> None:
    """Make immutable versions of data, look at them, compare and verify them."""


@command.command()
@click.argument("dataset")
@click.argument("source", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--query",
    type=click.File(encoding="utf-8"),
    help="A file with one SELECT for the database that the stack declares, - for "
    "standard input.",
)
@click.option(
    "--parent",
    "parents",
    multiple=True,
    metavar="VERSION",
    help="A version that it was made out of; may be given several times.",
)
@click.option("--run", default="", help="The id of the run that makes it.")
@output_option
@acts("dataset.write")
def create(
    dataset: str,
    source: Path | None,
    query: Any,
    parents: tuple[str, ...],
    run: str,
    output: str,
) -> None:
    """Make a version of DATASET out of SOURCE.

    SOURCE is a CSV, JSON Lines or Parquet file, or a folder of files. Without one the
    query is asked that the stack declares, or the one in --query. The same content
    is the same version. A check of the stack that does not hold refuses it.
    """
    from roadbed.cli._datasets import facts
    from roadbed.cli._session import session

    sql = query.read() if query else ""
    with session(dataset) as line:
        for parent in parents:
            _may_read(line, parent)
        spec, made = _create(line, dataset, source, sql, (parents, run))
    known = facts(made, spec)
    if output == "json":
        print_json(known)
        return
    what = "files" if made.tree else "rows"
    held = f", {len(spec.get('checks', []))} checks hold" if made.report else ""
    click.echo(f"{made}: {made.rows} {what}, {made.digest}{held}")


@command.command("list")
@click.argument("dataset", required=False)
@output_option
@acts("dataset.read")
def list_(dataset: str | None, output: str) -> None:
    """List the versions of DATASET, newest first, or all datasets."""
    from roadbed.cli._session import session
    from roadbed.core.clock import to_text

    if dataset is None:
        _all(output)
        return
    with session(dataset) as line:
        found = line.app.datasets.list(dataset)
    if not found and output == "table":
        click.echo(f"{dataset} has no versions; `bed.dataset({dataset!r}).snapshot(…)`")
        return
    rows = [
        {
            "version": str(v),
            "rows": v.rows,
            "columns": v.columns,
            "digest": v.digest,
            "made": to_text(v.created_us),
            "by": v.actor,
        }
        for v in found
    ]
    if output == "json":
        print_json({"versions": rows})
        return
    columns = ("version", "rows", "columns", "digest", "made", "by")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("version")
@click.option(
    "--paths", is_flag=True, help="Print the Parquet files, every byte checked."
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="Write its files into this folder, which must be empty.",
)
@output_option
@acts("dataset.read")
def get(version: str, paths: bool, to: Path | None, output: str) -> None:
    """Show VERSION, such as tumors@3: what it is, and where it came from."""
    from roadbed.cli._datasets import facts, lines
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(ref.name) as line:
        found = line.app.datasets.get(ref)
        with line.app.database.read() as connection:
            known = facts(found, seen.dataset(connection, ref.name))
        if to is not None:
            known["written"] = len(found.export(to))
        if paths:
            known["paths"] = [str(path) for path in found.paths()]
    if output == "json":
        print_json(known)
        return
    for text in known["paths"] if paths else lines(known):
        click.echo(plain(text))


@command.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="A column that tells one row from another; may be given several times.",
)
@output_option
@acts("dataset.read")
def diff(left: str, right: str, key: tuple[str, ...], output: str) -> None:
    """Show what changed from LEFT to RIGHT, such as tumors@1 and tumors@2.

    Columns, rows by --key or by the key that the stack declares, and how far the
    distribution of each column moved (PSI: below 0.1 little, above 0.25 much).
    """
    from roadbed.cli._datasets import diff_lines, diff_table
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.data.diff import diff as compare

    refs = parse(left), parse(right)
    with session(refs[0].name) as line:
        _may_read(line, right)
        before, after = map(line.app.datasets.get, refs)
        found = compare(line.app.datasets, before, after, key)
    if output == "json":
        print_json(found.content())
        return
    for text in diff_lines(found):
        click.echo(plain(text))
    if found.columns:
        names = ("column", "changed", "psi", "missing", "median or most frequent")
        print_table(names, diff_table(found))


@command.command()
@click.argument("version")
@output_option
@acts("dataset.read")
def verify(version: str, output: str) -> None:
    """Re-hash every object of VERSION, such as tumors@1, and its manifest."""
    from roadbed.cli._bars import Bars
    from roadbed.cli._session import session
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(ref.name) as line, Bars() as bars:
        found = line.app.datasets.verify(ref, bars.tell)
    if output == "json":
        print_json({"version": str(found), "digest": found.digest, "verified": True})
        return
    what = "files" if found.tree else "rows"
    click.echo(f"{found} verified: {found.rows} {what}, {found.digest}")


def _may_read(line: "Session", version: str) -> None:
    """Go on if *version* may be read; what may not be seen is not there."""
    from roadbed.access.actions import ACTIONS
    from roadbed.core.reference import parse

    ref = parse(version)
    line.enter(
        ACTIONS["dataset.read"],
        ref.name,
        lambda opened: opened.app.find(opened.principal, "Dataset", ref.name),
    )


def _create(
    line: "Session", name: str, given: Path | None, sql: str, origin: Any
) -> tuple[Any, Any]:
    """Make the version, and return it after what the stack says of its dataset."""
    from dataclasses import replace

    from roadbed.cli._bars import Bars
    from roadbed.cli._datasets import declared
    from roadbed.data.kinds import Dataset
    from roadbed.data.making import source_of, wish_of

    content = declared(line, name)
    spec = Dataset.model_validate(content)
    source = source_of(spec, given, line.app.secrets.resolve, sql)
    with Bars() as bars:
        wish = replace(wish_of(spec, line.app.clock.now(), *origin), tell=bars.tell)
        made = line.app.datasets.snapshot(name, source, line.actor, wish)
    return content, made


def _all(output: str) -> None:
    from roadbed.cli._session import listing
    from roadbed.control import seen

    with listing() as line, line.app.database.read() as connection:
        found = seen.datasets(line.viewer, connection)
    rows = [
        {
            "dataset": known.name,
            "newest": known.newest or None,
            "owner": known.spec.get("owner", ""),
            "classification": known.spec.get("classification", ""),
            "purposes": known.spec.get("purposes", []),
        }
        for known in found
    ]
    if output == "json":
        print_json({"datasets": rows})
        return
    shown = [
        [*(row[c] or "" for c in tuple(row)[:4]), ", ".join(row["purposes"])]
        for row in rows
    ]
    print_table(("dataset", "newest", "owner", "classification", "purposes"), shown)


@command.command()
@click.argument("version")
@output_option
@acts("dataset.read")
def uses(version: str, output: str) -> None:
    """List the model versions that rest on VERSION, those that are served first."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.questions.lineage import uses_of
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(ref.name) as line, line.app.database.read() as connection:
        found = seen.uses(line.viewer, connection, uses_of(connection, ref))
    if output == "json":
        print_json({"uses": [asdict(use) for use in found]})
        return
    if not found:
        click.echo(f"no model version that you may see rests on {ref}")
        return
    columns = ("version", "role", "served at", "newest", "run")
    rows = [
        [u.version, u.role, ", ".join(u.served), "yes" if u.newest else "", u.through]
        for u in found
    ]
    print_table(columns, rows)


@command.command()
@click.argument("version")
@click.option("--bad/--good", default=True, help="What it is; default: bad.")
@click.option("--reason", required=True, help="Why, for the log and whoever reads it.")
@output_option
@acts("dataset.write")
def mark(version: str, bad: bool, reason: str, output: str) -> None:
    """Say that VERSION is bad, or good after all. Nothing is deleted.

    `roadbed plan` and `roadbed doctor` warn of what is served and was trained on it.
    """
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.data.marks import Said
    from roadbed.data.marks import mark as write

    ref = parse(version)
    with session(ref.name) as line, line.app.database.write() as connection:
        said = Said(bad=bad, reason=reason, actor=line.actor)
        made = write(connection, ref, said, line.app.now_us())
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"{made} is {'bad' if made.bad else 'good'}: {made.reason}")
