"""`adloom …`: every command. Data goes to stdout, everything else to stderr.

Each command imports what it runs, so that none waits for what another one needs.
"""

import json
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from schemas.vocabulary import VocabularyError
from streams.commands.beginning import AsJson, loaded, service
from streams.commands.models_cli import models
from streams.commands.vocabulary_cli import vocabulary
from streams.errors import AdloomError, ConfigurationError
from streams.runtime import garbage

app = typer.Typer(
    name="adloom",
    help="Personalised ad creatives from a stream of behaviour.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


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
    settings, declared = loaded(), stages.declared(stage)
    begun = early_snapshots.begin(declared, settings)
    from streams.engine import worker as process

    sys.exit(process.run(declared, settings, begun))


@app.command()
def trainer() -> None:
    """Run fine-tune jobs as they arrive (requires the extra `train`)."""
    from streams.training import trainer as training

    sys.exit(training.run(service()))


@app.command()
def learner() -> None:
    """Update the serving critics from feedback within seconds."""
    from streams.training import learner as process

    sys.exit(process.run(service()))


@app.command()
def deliver() -> None:
    """Run the ad server: serve creatives, collect impressions and clicks."""
    from streams.ad_server import server
    from streams.kafka.connection import checked_connection

    settings = service()
    server.run(
        settings,
        connection=checked_connection(settings),
        host=settings.local.host,
        port=settings.local.ad_server_port,
    )


@app.command()
def sink() -> None:
    """Write every topic to ClickHouse; without a server, run it in this process."""
    from streams.kafka.schema_ids import schema_ids
    from streams.sink import warehouse

    settings = service()
    sys.exit(warehouse.run(settings, schema_ids(settings)))


@app.command()
def demo(*, as_json: AsJson = False) -> None:
    """Run the whole loop on real input and print a report."""
    from streams.demo import command

    sys.exit(command.run(loaded(), as_json=as_json))


@app.command()
def up() -> None:
    """Run the whole system on this machine; Ctrl-C stops it."""
    from streams.local import up as stack

    sys.exit(stack.run(service()))


topics = typer.Typer(help="Manage Kafka topics.", no_args_is_help=True)
app.add_typer(topics, name="topics")


@topics.command()
def apply(
    *,
    as_json: AsJson = False,
    dry_run: Annotated[
        bool, typer.Option(help="List the topics without creating any.")
    ] = False,
) -> None:
    """Create missing topics; existing topics are left unchanged."""
    from streams import stages
    from streams.kafka import topic_admin
    from streams.kafka.connection import checked_connection

    settings = loaded()
    changelogs = stages.changelogs(settings)
    act = topic_admin.plan if dry_run else topic_admin.create_topics
    made = "missing" if dry_run else "made"
    rows = [
        {
            "topic": topic.spec.name,
            "partitions": topic.spec.partitions,
            "state": "exists" if topic.exists else made,
        }
        for topic in act(checked_connection(settings), settings.kafka, changelogs)
    ]
    lines = "\n".join("\t".join(map(str, row.values())) for row in rows)
    typer.echo(json.dumps(rows) if as_json else lines)


@app.command()
def report(*, as_json: AsJson = False) -> None:
    """Print effect by arm, gate verdicts and dead letters from ClickHouse."""
    from streams.commands import report as report_command

    sys.exit(report_command.run(loaded(), as_json=as_json))


@app.command()
def regenerate(
    creative_id: Annotated[
        str, typer.Argument(help="Id of a creative on ads.creative.v1.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Recreate a creative from its receipt and compare it byte for byte."""
    import asyncio

    from streams.commands import regenerate as audit

    result = asyncio.run(audit.audit(loaded(), creative_id))
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


app.add_typer(models, name="models")
app.add_typer(vocabulary, name="vocabulary")


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
