"""`adloom …`: every command. Data goes to stdout, everything else to stderr."""

import sys
from pathlib import Path
from typing import Annotated, Any

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

_AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


class _WorkerCommand(TyperCommand):
    """`adloom worker --help` names the stages; nothing else waits for their import."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from streams import stages  # noqa: PLC0415 - start fast

        self.epilog = "\n\n".join(
            f"{stage.name}: {stage.help}" for stage in stages.catalogue()
        )
        super().format_help(ctx, formatter)


def _stage_names() -> list[str]:
    from streams import stages  # noqa: PLC0415 - start fast

    return stages.names()


@app.command(cls=_WorkerCommand)
def worker(
    stage: Annotated[str, typer.Argument(help="A stage.", autocompletion=_stage_names)],
) -> None:
    """Run one stage until it is told to stop."""
    garbage.pause()
    from streams import settings, stages  # noqa: PLC0415 - start fast
    from streams.engine import early_snapshots  # noqa: PLC0415

    if stage not in stages.names():
        raise typer.BadParameter(
            f"expected one of {', '.join(stages.names())}, got {stage!r}"
        )
    loaded, declared = settings.load(), stages.declared(stage)
    begun = early_snapshots.begin(declared, loaded)
    from streams.engine import worker as process  # noqa: PLC0415 - takes as long

    sys.exit(process.run(declared, loaded, begun))


@app.command()
def trainer() -> None:
    """Run fine-tune jobs as they are triggered (needs the extra `train`)."""
    from streams import settings  # noqa: PLC0415
    from streams.engine import worker as stages  # noqa: PLC0415
    from streams.training import trainer as training  # noqa: PLC0415

    stages.configure_logs()
    sys.exit(training.run(settings.load()))


@app.command()
def learner() -> None:
    """Let the critics that serve learn from feedback within seconds."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.engine import worker as stages  # noqa: PLC0415
    from streams.training import learner as process  # noqa: PLC0415

    stages.configure_logs()
    sys.exit(process.run(settings.load()))


@app.command()
def deliver() -> None:
    """Run the ad server: creatives out, impressions and clicks back."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.ad_server import server  # noqa: PLC0415
    from streams.engine import worker as stages  # noqa: PLC0415
    from streams.kafka.connection import bootstrap_servers  # noqa: PLC0415

    stages.configure_logs()
    loaded = settings.load()
    server.run(
        loaded,
        bootstrap=bootstrap_servers(loaded),
        host=loaded.local.host,
        port=loaded.local.ad_server_port,
    )


@app.command()
def sink() -> None:
    """Write every topic to ClickHouse; in process, answer its HTTP interface too."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.engine import worker as stages  # noqa: PLC0415
    from streams.kafka.schema_ids import schema_ids  # noqa: PLC0415
    from streams.sink import warehouse  # noqa: PLC0415

    stages.configure_logs()
    loaded = settings.load()
    sys.exit(warehouse.run(loaded, schema_ids(loaded)))


@app.command()
def demo(*, as_json: _AsJson = False) -> None:
    """Run the whole loop on real input and report what came of it."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.demo import command  # noqa: PLC0415

    sys.exit(command.run(settings.load(), as_json=as_json))


@app.command()
def up() -> None:
    """Run the whole system on this machine until Ctrl-C."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.engine import worker as stages  # noqa: PLC0415
    from streams.local import up as stack  # noqa: PLC0415

    stages.configure_logs()
    sys.exit(stack.run(settings.load()))


topics = typer.Typer(help="The topics of the contract.", no_args_is_help=True)
app.add_typer(topics, name="topics")


@topics.command()
def apply(
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be made.")] = False,
) -> None:
    """Make the topics that are missing; change none that is there."""
    from streams import settings, stages  # noqa: PLC0415 - start fast
    from streams.kafka import topic_admin  # noqa: PLC0415
    from streams.kafka.connection import bootstrap_servers  # noqa: PLC0415

    loaded = settings.load()
    changelogs = stages.changelogs(loaded)
    act = topic_admin.plan if dry_run else topic_admin.create_topics
    for topic in act(bootstrap_servers(loaded), loaded.kafka, changelogs):
        state = "exists" if topic.exists else "missing" if dry_run else "made"
        typer.echo(f"{topic.spec.name}\t{topic.spec.partitions}\t{state}")


@app.command()
def report(*, as_json: _AsJson = False) -> None:
    """Print the effect by arm, the gates and the dead letters, from ClickHouse."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.commands import report as report_command  # noqa: PLC0415

    sys.exit(report_command.run(settings.load(), as_json=as_json))


@app.command()
def regenerate(
    creative_id: Annotated[str, typer.Argument(help="Id of a creative on the topic.")],
) -> None:
    """Make a creative again from its receipt and compare it byte for byte."""
    import asyncio  # noqa: PLC0415 - start fast

    from streams import settings  # noqa: PLC0415
    from streams.commands import regenerate as audit  # noqa: PLC0415

    result = asyncio.run(audit.audit(settings.load(), creative_id))
    receipt = result.creative.receipt
    typer.echo(
        f"{creative_id}: {receipt.arm}, {receipt.model_name} {receipt.model_version}, "
        f"propensity {receipt.propensity:.4f}: "
        f"{'the same, byte for byte' if result.equal else 'DIFFERENT'}"
    )
    sys.exit(0 if result.equal else 1)


models = typer.Typer(help="Versions of the model in use.", no_args_is_help=True)
app.add_typer(models, name="models")

_Reason = Annotated[str, typer.Option(help="Why, for the promotion log.")]


@models.command("list")
def list_models(*, as_json: _AsJson = False) -> None:
    """List versions, and which one serves."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command, models_page  # noqa: PLC0415

    rows = models_command.Models(settings.load()).listed()
    models_page.print_list(rows, as_json=as_json)


@models.command("show")
def show_model(version: int, *, as_json: _AsJson = False) -> None:
    """Show a version's model card and lineage."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command, models_page  # noqa: PLC0415

    card = models_command.Models(settings.load()).shown(version)
    models_page.print_card(card, as_json=as_json)


@models.command("diff")
def diff_models(before: int, after: int, *, as_json: _AsJson = False) -> None:
    """Show what differs between two versions."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command, models_page  # noqa: PLC0415

    found = models_command.Models(settings.load()).differences(before, after)
    models_page.print_differences(found, as_json=as_json)


@models.command("import")
def import_model(
    folder: Path,
    *,
    name: Annotated[
        str | None, typer.Option(help="Model that it becomes a version of.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the taste model behind `person`.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Add a generator.onnx that you trained yourself, and judge it by the gates."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command, models_page  # noqa: PLC0415

    found = models_command.Models(settings.load()).imported(folder, name, seed)
    models_page.print_import(found, as_json=as_json)


@models.command("promote")
def promote_model(version: int, *, reason: _Reason = "by hand") -> None:
    """Make a version the champion, live; refused when a gate refused it."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command  # noqa: PLC0415

    entry = models_command.Models(settings.load()).promote(version, reason)
    said = "announced again" if entry is None else f"entry {entry.number} of the log"
    typer.echo(f"version {version} is the champion: {said}")


@models.command("rollback")
def roll_back_model(*, reason: _Reason = "by hand") -> None:
    """Go back to the champion before this one, live."""
    from streams import settings  # noqa: PLC0415
    from streams.commands import models as models_command  # noqa: PLC0415

    entry = models_command.Models(settings.load()).roll_back(reason)
    typer.echo(f"version {entry.version} is the champion again: entry {entry.number}")


vocabulary = typer.Typer(
    help="Categories, placements, surfaces, sizes and languages.", no_args_is_help=True
)
app.add_typer(vocabulary, name="vocabulary")

_File = Annotated[Path, typer.Argument(help="A vocabulary file.")]


@vocabulary.command("check")
def check_vocabulary(file: _File) -> None:
    """List every mistake of a file with its line; status 1 when there are any."""
    from streams.commands import vocabulary as command  # noqa: PLC0415 - start fast

    mistakes = command.check(file)
    for mistake in mistakes:
        typer.echo(mistake)
    sys.exit(1 if mistakes else 0)


@vocabulary.command("show")
def show_vocabulary(
    file: Annotated[
        Path | None, typer.Argument(help="A file; this deployment's own if left out.")
    ] = None,
    *,
    as_json: _AsJson = False,
) -> None:
    """Print a vocabulary and its digest."""
    from streams.commands import vocabulary as command  # noqa: PLC0415 - start fast

    typer.echo(command.text(file, as_json=as_json))


@vocabulary.command("keep")
def keep_vocabulary(file: _File) -> None:
    """Keep a file's ids in the model store, so that what it stored can be read."""
    from streams import settings  # noqa: PLC0415 - start fast
    from streams.commands import vocabulary as command  # noqa: PLC0415

    typer.echo(f"kept {command.keep(settings.load(), file)}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def bench(context: typer.Context) -> None:
    """Measure this machine, beside the peers (needs a checkout; --help, --list)."""
    from streams.commands import bench as bench_command  # noqa: PLC0415 - start fast

    sys.exit(bench_command.run(context.args))


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - start fast

        typer.echo(f"adloom {version('adloom')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which."),
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
