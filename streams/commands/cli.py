"""`adloom …`: every command. Data goes to stdout, everything else to stderr.

Each command imports what it runs, so that none waits for what another one needs.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from schemas.vocabulary import VocabularyError
from streams.errors import AdloomError, ConfigurationError
from streams.runtime import garbage

app = typer.Typer(
    name="adloom",
    help="Personalised ad creatives from a stream of behaviour.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

if TYPE_CHECKING:
    from streams.commands.models import Models
    from streams.settings import Settings


def _loaded() -> "Settings":
    """Read the settings; imported here because parsing them takes a while to load."""
    from streams import settings

    return settings.load()


def _service() -> "Settings":
    """Begin a process that runs until it is told to stop: settings and logs."""
    from streams.runtime import logs

    logs.configure()
    return _loaded()


_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


class _WorkerCommand(TyperCommand):
    """`adloom worker --help` names the stages; nothing else waits for their import."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from streams import stages

        self.epilog = "\n\n".join(
            f"{stage.name}: {stage.help}" for stage in stages.catalogue()
        )
        super().format_help(ctx, formatter)


def _stage_names() -> list[str]:
    from streams import stages

    return stages.names()


@app.command(cls=_WorkerCommand)
def worker(
    stage: Annotated[
        str, typer.Argument(help="Name of the stage.", autocompletion=_stage_names)
    ],
) -> None:
    """Run one stage until it receives SIGINT or SIGTERM."""
    garbage.pause()
    from streams import stages
    from streams.engine import early_snapshots

    if stage not in stages.names():
        raise typer.BadParameter(
            f"expected one of {', '.join(stages.names())}, got {stage!r}"
        )
    loaded, declared = _loaded(), stages.declared(stage)
    begun = early_snapshots.begin(declared, loaded)
    from streams.engine import worker as process

    sys.exit(process.run(declared, loaded, begun))


@app.command()
def trainer() -> None:
    """Run fine-tune jobs as they arrive (requires the extra `train`)."""
    from streams.training import trainer as training

    sys.exit(training.run(_service()))


@app.command()
def learner() -> None:
    """Update the serving critics from feedback within seconds."""
    from streams.training import learner as process

    sys.exit(process.run(_service()))


@app.command()
def deliver() -> None:
    """Run the ad server: serve creatives, collect impressions and clicks."""
    from streams.ad_server import server
    from streams.kafka.connection import checked_connection

    loaded = _service()
    server.run(
        loaded,
        connection=checked_connection(loaded),
        host=loaded.local.host,
        port=loaded.local.ad_server_port,
    )


@app.command()
def sink() -> None:
    """Write every topic to ClickHouse; without a server, run it in this process."""
    from streams.kafka.schema_ids import schema_ids
    from streams.sink import warehouse

    loaded = _service()
    sys.exit(warehouse.run(loaded, schema_ids(loaded)))


@app.command()
def demo(*, as_json: _AsJson = False) -> None:
    """Run the whole loop on real input and print a report."""
    from streams.demo import command

    sys.exit(command.run(_loaded(), as_json=as_json))


@app.command()
def up() -> None:
    """Run the whole system on this machine; Ctrl-C stops it."""
    from streams.local import up as stack

    sys.exit(stack.run(_service()))


topics = typer.Typer(help="Manage Kafka topics.", no_args_is_help=True)
app.add_typer(topics, name="topics")


@topics.command()
def apply(
    *,
    as_json: _AsJson = False,
    dry_run: Annotated[
        bool, typer.Option(help="List the topics without creating any.")
    ] = False,
) -> None:
    """Create missing topics; existing topics are left unchanged."""
    from streams import stages
    from streams.kafka import topic_admin
    from streams.kafka.connection import checked_connection

    loaded = _loaded()
    changelogs = stages.changelogs(loaded)
    act = topic_admin.plan if dry_run else topic_admin.create_topics
    made = "missing" if dry_run else "made"
    rows = [
        {
            "topic": topic.spec.name,
            "partitions": topic.spec.partitions,
            "state": "exists" if topic.exists else made,
        }
        for topic in act(checked_connection(loaded), loaded.kafka, changelogs)
    ]
    lines = "\n".join("\t".join(map(str, row.values())) for row in rows)
    typer.echo(json.dumps(rows) if as_json else lines)


@app.command()
def report(*, as_json: _AsJson = False) -> None:
    """Print effect by arm, gate verdicts and dead letters from ClickHouse."""
    from streams.commands import report as report_command

    sys.exit(report_command.run(_loaded(), as_json=as_json))


@app.command()
def regenerate(
    creative_id: Annotated[
        str, typer.Argument(help="Id of a creative on ads.creative.v1.")
    ],
    *,
    as_json: _AsJson = False,
) -> None:
    """Recreate a creative from its receipt and compare it byte for byte."""
    import asyncio

    from streams.commands import regenerate as audit

    result = asyncio.run(audit.audit(_loaded(), creative_id))
    receipt = result.creative.receipt
    found = {
        "creative_id": creative_id,
        "equal": result.equal,
        "arm": receipt.arm,
        "model_name": receipt.model_name,
        "model_version": receipt.model_version,
        "propensity": receipt.propensity,
    }
    text = (
        f"{creative_id}: {receipt.arm}, {receipt.model_name} {receipt.model_version}, "
        f"propensity {receipt.propensity:.4f}: "
        f"{'the same, byte for byte' if result.equal else 'DIFFERENT'}"
    )
    typer.echo(json.dumps(found) if as_json else text)
    sys.exit(0 if result.equal else 1)


models = typer.Typer(
    help="Inspect, import, promote and roll back model versions.", no_args_is_help=True
)
app.add_typer(models, name="models")

_Reason = Annotated[str, typer.Option(help="Reason to record in the promotion log.")]


def _versions() -> "Models":
    from streams.commands.models import Models

    return Models(_loaded())


@models.command("list")
def list_models(*, as_json: _AsJson = False) -> None:
    """List versions and show which one is serving."""
    from streams.commands import model_tables

    model_tables.print_list(_versions().listed(), as_json=as_json)


@models.command("show")
def show_model(version: int, *, as_json: _AsJson = False) -> None:
    """Show a version's model card and lineage."""
    from streams.commands import model_tables

    model_tables.print_card(_versions().shown(version), as_json=as_json)


@models.command("diff")
def diff_models(before: int, after: int, *, as_json: _AsJson = False) -> None:
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
    as_json: _AsJson = False,
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


vocabulary = typer.Typer(
    help="Check and show categories, placements, surfaces, sizes, languages.",
    no_args_is_help=True,
)
app.add_typer(vocabulary, name="vocabulary")

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
    as_json: _AsJson = False,
) -> None:
    """Print a vocabulary and its digest."""
    from streams.commands import vocabulary as command

    typer.echo(command.text(file, as_json=as_json))


@vocabulary.command("keep")
def keep_vocabulary(file: _File) -> None:
    """Store a file's ids in the model store, so that old data stays readable."""
    from streams.commands import vocabulary as command

    typer.echo(f"kept {command.keep(_loaded(), file)}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def bench(context: typer.Context) -> None:
    """Run benchmarks (requires a checkout; see --help and --list)."""
    from streams.commands import bench as bench_command

    sys.exit(bench_command.run(context.args))


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"adloom {version('adloom')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Personalised ad creatives from a stream of behaviour."""


def main() -> None:
    """Run the command line; errors of ours are one sentence and a status."""
    try:
        app(standalone_mode=True)
    except (AdloomError, VocabularyError) as error:
        sys.stderr.write(f"adloom: {error}\n")
        sys.exit(getattr(error, "exit_status", ConfigurationError.exit_status))
