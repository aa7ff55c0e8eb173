"""Arguments -> one command: train, judge, promote and look at models.

Results go to stdout as JSON, messages to stderr. Exit status: 0 ok, 1 failed, 2 usage.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model_export.feedback.dataset import FineTuneError
from model_export.feedback.impression_log import LogError, read_log
from model_export.generators.catalogue import MODELS
from model_export.jobs import order
from model_export.space import design_space
from model_export.store.model_files import ModelFileError, check_files
from model_export.store.registry import Registry, RegistryError

_FAILURES = (
    RegistryError,
    ModelFileError,
    FineTuneError,
    LogError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], Any] = options.command
    try:
        answer = json.dumps(command(options), ensure_ascii=False)
    except (design_space.SpaceError, order.OrderError) as error:
        _log_line(str(error))
        return 2
    except _FAILURES as error:
        _log_line(str(error))
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0


def _pretrain(options: argparse.Namespace) -> Any:
    _one_thread()
    from model_export.jobs import pretrain  # noqa: PLC0415  # needs torch; other commands do not

    return asdict(
        pretrain.pretrain(
            Registry(options.store),
            options.model,
            design_space.load(options.space),
            options.seed,
            _now(),
        )
    )


def _import(options: argparse.Namespace) -> Any:
    _one_thread()
    from model_export.jobs.import_generator import (  # noqa: PLC0415  # needs torch
        import_generator,
    )

    space = design_space.load(options.space)
    return import_generator(
        Registry(options.store),
        options.model,
        options.folder,
        space,
        options.seed,
        _now(),
    )


def _fine_tune(options: argparse.Namespace) -> Any:
    _one_thread()
    from model_export.jobs.fine_tune import fine_tune  # noqa: PLC0415  # needs torch

    job, read = order.from_text(sys.stdin.read())
    _log_line(
        f"{job.job_id}: {len(read.records)} feedback records, "
        f"{read.n_undecodable} undecodable"
    )
    return asdict(fine_tune(Registry(options.store), job, read, _now()))


def _warm_start(options: argparse.Namespace) -> Any:
    _one_thread()
    from model_export.jobs.warm_start import warm_start  # noqa: PLC0415  # needs torch

    registry = Registry(options.store)
    champion = registry.champion(options.model)
    if champion is None:
        raise LogError(f"{options.model}: no champion to teach; pre-train one first")
    space = check_files(registry.read(options.model, champion.version)).space
    try:
        with options.log.open(encoding="utf-8") as lines:
            log = read_log(lines, space)
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"cannot read the log {options.log}: {error}") from error
    return warm_start(registry, options.model, log, options.seed, _now())


def _export(options: argparse.Namespace) -> Any:
    files = Registry(options.store).read(options.model, options.version)
    check_files(files)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (options.folder / name).write_bytes(content)
    return {name: len(content) for name, content in files.items()}


def _gates(options: argparse.Namespace) -> Any:
    _one_thread()
    from model_export.generators import (  # noqa: PLC0415
        checkpoint,
        export as onnx_export,  # torch
    )
    from model_export.jobs import gates  # noqa: PLC0415
    from model_export.jobs.pretrain import library_people  # noqa: PLC0415  # needs torch

    files = Registry(options.store).read(options.model, options.version)
    model = checkpoint.from_files(files, check_files(files).space)
    people = library_people(model.space, model.seed)
    served = onnx_export.Served(files)
    verdicts = gates.library_gates(model, served, people[: gates.N_PEOPLE])
    return {
        "passed": gates.passed(verdicts),
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }


def _list(options: argparse.Namespace) -> Any:
    registry = Registry(options.store)
    answer: list[dict[str, Any]] = []
    for name in [options.model] if options.model else MODELS:
        champion = registry.champion(name)
        answer.extend(
            {
                **asdict(registry.find(name, number)),
                "champion": champion is not None and champion.version == number,
            }
            for number in registry.versions(name)
        )
    return answer


def _show(options: argparse.Namespace) -> Any:
    return Registry(options.store).card(options.model, options.version)


def _log(options: argparse.Namespace) -> Any:
    return [asdict(entry) for entry in Registry(options.store).log(options.model)]


def _promote(options: argparse.Namespace) -> Any:
    registry = Registry(options.store)
    entry = registry.promote(
        options.model, options.version, at=_now(), reason=options.reason
    )
    return asdict(entry)


def _rollback(options: argparse.Namespace) -> Any:
    registry = Registry(options.store)
    return asdict(registry.rollback(options.model, at=_now(), reason=options.reason))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_export", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace], Any], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--store", required=True, help="folder or s3:// address")
        added.set_defaults(command=command)
        return added

    add("fine-tune", _fine_tune, "Run the fine-tune job on stdin.")
    pretrain = add(
        "pretrain", _pretrain, "Make a model's first champion, if it has none."
    )
    pretrain.add_argument("--model", required=True)
    pretrain.add_argument("--space", type=Path, help="creative space file (TOML)")
    pretrain.add_argument("--seed", type=int, default=0)
    imported = add("import", _import, "Add a generator.onnx that you trained yourself.")
    imported.add_argument("folder", type=Path, metavar="FOLDER")
    imported.add_argument("--model", required=True)
    imported.add_argument("--space", type=Path, help="creative space file (TOML)")
    imported.add_argument("--seed", type=int, default=0)
    warm = add("warm-start", _warm_start, "Teach the champion a log of impressions.")
    warm.add_argument("--model", required=True)
    warm.add_argument("--log", required=True, type=Path, help="JSON lines")
    warm.add_argument("--seed", type=int, default=0)
    listing = add("list", _list, "List versions.")
    listing.add_argument("--model")
    for name, command, text in (
        ("show", _show, "Show a version's model card."),
        ("gates", _gates, "Judge a version by the gates that need no feedback."),
        ("export", _export, "Copy a version's files into a folder, each checked."),
        ("promote", _promote, "Make a version the champion."),
    ):
        added = add(name, command, text)
        added.add_argument("--model", required=True)
        added.add_argument("--version", required=True, type=int)
        if name == "promote":
            added.add_argument("--reason", default="by hand")
        if name == "export":
            added.add_argument("--folder", required=True, type=Path)
    log = add("log", _log, "Show the promotion log.")
    log.add_argument("--model", required=True)
    rollback = add("rollback", _rollback, "Go back to the champion before this one.")
    rollback.add_argument("--model", required=True)
    rollback.add_argument("--reason", default="by hand")
    return parser


def _one_thread() -> None:
    """Keep torch on one core: the networks are too small to share."""
    import torch  # noqa: PLC0415  # an extra, and slow to import

    torch.set_num_threads(1)


def _log_line(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _now() -> int:
    return time.time_ns() // 1_000_000
