"""`adloom vocabulary …`: the commands, their arguments and what they print."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.beginning import AsJson, loaded

vocabulary = typer.Typer(
    help="Check and show categories, placements, surfaces, sizes, languages.",
    no_args_is_help=True,
)
_File = Annotated[Path, typer.Argument(help="A vocabulary file.")]


@vocabulary.command("check")
def check_vocabulary(file: _File) -> None:
    """List all errors of a file by line; exit with status 1 if there are any."""
    from streams.commands import vocabulary as command

    mistakes = command.check(file)
    for mistake in mistakes:
        typer.echo(mistake)
    for why in [] if mistakes else command.unspoken(file):
        typer.echo(why, err=True)
    sys.exit(1 if mistakes else 0)


@vocabulary.command("show")
def show_vocabulary(
    file: Annotated[
        Path | None, typer.Argument(help="Vocabulary file; default: the one in use.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a vocabulary and its digest."""
    from streams.commands import vocabulary as command

    typer.echo(command.text(file, as_json=as_json))


@vocabulary.command("keep")
def keep_vocabulary(file: _File) -> None:
    """Store a file's ids in the model store, so that old data stays readable."""
    from streams.commands import vocabulary as command

    typer.echo(f"kept {command.keep(loaded(), file)}")
