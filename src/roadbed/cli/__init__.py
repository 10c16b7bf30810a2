"""Each command is a file: it parses words, calls one function, prints the result."""

import json
import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click

from roadbed import __version__
from roadbed.core.errors import Invalid, RoadbedError
from roadbed.core.memory import collect_seldom

EXIT_CODES = (
    "Exit codes: 0 done, 1 error, 2 wrong input, 3 gate failed, 4 not authorised, "
    "5 conflict, 6 inconclusive."
)


class Commands(click.Group):
    """Finds a command by its file name and imports it only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the command files."""
        found = pkgutil.iter_modules(__path__)
        return sorted(
            m.name.replace("_", "-") for m in found if not m.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of the command called *cmd_name*."""
        known = self.list_commands(ctx)
        if cmd_name not in known:
            close = get_close_matches(cmd_name, known, n=1)
            if close:
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {close[0]!r}?")
            return None
        return import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="roadbed")
@click.option("--traceback", is_flag=True, help="Show where an unexpected error is.")
def roadbed(traceback: bool) -> None:
    """One governed path from data to prediction."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; exit with one of the codes in `EXIT_CODES`."""
    words = list(sys.argv[1:] if args is None else args)
    collect_seldom()
    try:
        roadbed.main(args=words, prog_name="roadbed", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("not done: nobody said yes", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if "--traceback" in words:
            raise
        told = _told(error)
        _explain(told, as_json=_wants_json(words))
        sys.exit(told.exit_code)


def _told(error: Exception) -> RoadbedError:
    """Return *error* in words that help, whatever it is."""
    if isinstance(error, RoadbedError):
        return error
    if isinstance(error, OSError):
        return _unusable(error)
    if type(error).__module__.startswith("sqlalchemy."):
        return RoadbedError(
            "the control database cannot be used",
            hint="see that the state directory, or the server behind ROADBED_DATABASE, "
            "can be read and written; `roadbed --traceback …` shows the driver's words",
        )
    return _unexpected(error)


def _unusable(error: OSError) -> RoadbedError:
    what = f"{error.filename}: " if error.filename else ""
    return RoadbedError(f"{what}{error.strerror or 'could not be used'}")


def _unexpected(error: Exception) -> RoadbedError:
    return RoadbedError(
        f"Roadbed itself failed: {type(error).__name__}",
        hint="run it again as `roadbed --traceback …` and report what it prints",
    )


def _wants_json(words: Sequence[str]) -> bool:
    return any(
        word in ("-ojson", "--output=json")
        or (word in ("-o", "--output") and words[at + 1 : at + 2] == ["json"])
        for at, word in enumerate(words)
    )


def _explain(error: RoadbedError, *, as_json: bool) -> None:
    problems = error.problems if isinstance(error, Invalid) else ()
    if as_json:
        told = {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "problems": [
                {name: getattr(p, name) for name in p.__slots__} for p in problems
            ],
        }
        click.echo(json.dumps({"error": told}), err=True)
        return
    click.echo(
        f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True
    )
    for problem in problems:
        click.echo(f"  {problem}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', fg='cyan')} {error.hint}", err=True)
