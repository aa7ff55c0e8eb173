"""`adloom models …`: the commands, their arguments and what they print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands.beginning import AsJson, loaded

if TYPE_CHECKING:
    from streams.commands.models import Models

models = typer.Typer(
    help="Inspect, import, promote and roll back model versions.", no_args_is_help=True
)
_Reason = Annotated[str, typer.Option(help="Reason to record in the promotion log.")]


def _versions() -> "Models":
    from streams.commands.models import Models

    return Models(loaded())


@models.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List versions and show which one is serving."""
    from streams.commands import model_tables

    model_tables.print_list(_versions().listed(), as_json=as_json)


@models.command("show")
def show_model(version: int, *, as_json: AsJson = False) -> None:
    """Show a version's model card and lineage."""
    from streams.commands import model_tables

    model_tables.print_card(_versions().shown(version), as_json=as_json)


@models.command("diff")
def diff_models(before: int, after: int, *, as_json: AsJson = False) -> None:
    """Compare two versions."""
    from streams.commands import model_tables

    model_tables.print_differences(
        _versions().differences(before, after), as_json=as_json
    )


@models.command("import")
def import_model(
    folder: Path,
    *,
    name: Annotated[
        str | None,
        typer.Option(help="Model to add the version to; by default the one in use."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the taste model behind `person`.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Add a generator.onnx that you trained yourself, and judge it by the gates."""
    from streams.commands import model_tables

    model_tables.print_import(_versions().imported(folder, name, seed), as_json=as_json)


@models.command("promote")
def promote_model(version: int, *, reason: _Reason = "by hand") -> None:
    """Make a version the champion; versions that failed a gate are refused."""
    entry = _versions().promote(version, reason)
    said = "announced again" if entry is None else f"entry {entry.number} of the log"
    typer.echo(f"version {version} is the champion: {said}")


@models.command("rollback")
def roll_back_model(*, reason: _Reason = "by hand") -> None:
    """Make the previous champion the champion again."""
    entry = _versions().roll_back(reason)
    typer.echo(f"version {entry.version} is the champion again: entry {entry.number}")
