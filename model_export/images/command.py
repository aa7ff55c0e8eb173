"""Command line and a training recipe -> grids, ONNX file, card, report.

Written under --out: `samples/epoch_0001.png` ... as training goes on, then
`generator.onnx` and `card.json`. Progress goes to stderr, the report to stdout.
"""

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from model_export.images.dataset import ImageDataError, Photographs, load_photographs
from model_export.images.export import ImageExportError, export_generator
from model_export.images.grid import fixed_latents, sample_grid
from model_export.images.networks import LATENT, ImageGenerator
from model_export.images.quality import Judge

N_COLUMNS: Final = 8
"""Latents in a sample grid."""
N_AT_ONCE: Final = 64
"""Pictures drawn together for the judge."""
OK, FAILED, INTERRUPTED = 0, 1, 130


class TrainingDivergedError(Exception):
    """A loss is no longer a number."""


@dataclass(frozen=True)
class Epoch:
    """What a recipe yields: the state after one pass over the photographs."""

    number: int
    losses: dict[str, float]
    generator: ImageGenerator


@dataclass
class MeanLosses:
    """Running means of named losses over an epoch."""

    _sums: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, loss: Tensor) -> None:
        """Add one batch's loss.

        Raises:
            TrainingDivergedError: it is not finite.
        """
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"the {name} loss is {value}; lower the learning rate"
            )
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the mean of each loss."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}


Recipe = Callable[[Photographs, argparse.Namespace], Iterator[Epoch]]
"""(photographs, options of the command line) -> epochs."""


def run(
    name: str,
    description: str,
    epochs: int,
    recipe: Recipe,
    extend: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> int:
    """Parse the command line, train, write, report; return the exit status.

    Args:
        name: of the module.
        description: for --help.
        epochs: without --epochs.
        recipe: trains.
        extend: adds the recipe's own options.
    """
    parser = _parser(name, description, epochs)
    extend(parser)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        report = _train_and_export(name, options, recipe)
    except (ImageDataError, ImageExportError, TrainingDivergedError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)  # noqa: T201 - a command
        return INTERRUPTED
    print(json.dumps(report) if options.json else _summary(report))  # noqa: T201
    return OK


def _parser(name: str, description: str, epochs: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m model_export.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--size", type=int, choices=(28, 64), default=64, help="28 is grey, 64 colour"
    )
    parser.add_argument("--epochs", type=_positive, default=epochs)
    parser.add_argument(
        "--data",
        type=Path,
        help="zip of <class>/<picture>; left out: pictures drawn here",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=_positive, help="CPU threads of torch")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


def _train_and_export(
    name: str, options: argparse.Namespace, recipe: Recipe
) -> dict[str, Any]:
    photographs = load_photographs(options.data, options.size)
    taught, held_out = photographs.split()
    samples = options.out / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    latents = fixed_latents(N_COLUMNS, options.seed)
    started, started_cpu = time.monotonic(), time.process_time()
    epochs = []
    grid = samples
    last: Epoch | None = None
    for last in recipe(taught, options):
        grid = samples / f"epoch_{last.number:04d}.png"
        sample_grid(last.generator, latents, photographs.names).save(grid)
        elapsed = time.monotonic() - started
        epochs.append({"epoch": last.number, **_rounded(last.losses)})
        _show_progress(last, options.epochs, elapsed)
    if last is None:
        raise TrainingDivergedError("the recipe yielded no epoch")
    model = options.out / "generator.onnx"
    parity = export_generator(
        last.generator,
        model,
        {"recipe": name, "classes": ",".join(photographs.names), "latent": str(LATENT)},
    )
    report = {
        "recipe": name,
        "size": options.size,
        "seed": options.seed,
        "n_photographs": len(taught),
        "n_held_out": len(held_out),
        "photographs_sha256": photographs.sha256,
        "classes": list(photographs.names),
        "epochs": epochs,
        "train_cpu_s": round(time.process_time() - started_cpu, 1),
        "parity": parity,
        "quality": _quality(last.generator, Judge(taught, held_out), options.seed),
        "onnx": str(model),
        "onnx_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "samples": str(samples),
        "last_grid": str(grid),
    }
    _write_whole(options.out / "card.json", json.dumps(report, indent=2) + "\n")
    return report


@torch.no_grad()
def _quality(
    generator: ImageGenerator, judge: Judge, seed: int
) -> dict[str, dict[str, float]]:
    """Judge one picture for each held-out photograph, of its class."""
    wanted = torch.from_numpy(judge.wanted)
    latents = fixed_latents(len(wanted), seed + 1)
    parts = zip(
        torch.split(latents, N_AT_ONCE), torch.split(wanted, N_AT_ONCE), strict=True
    )
    drawn = torch.cat([generator(z, category) for z, category in parts])
    judged = {
        "drawn": judge.judged(drawn.numpy(), seed),
        **judge.references(seed)._asdict(),
    }
    return {whose: _rounded(found._asdict()) for whose, found in judged.items()}


def _rounded(losses: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in losses.items()}


def _show_progress(epoch: Epoch, n_epochs: int, elapsed: float) -> None:
    losses = "  ".join(f"{name} {loss:.4g}" for name, loss in epoch.losses.items())
    left = elapsed / epoch.number * (n_epochs - epoch.number)
    line = f"epoch {epoch.number}/{n_epochs}  {losses}  {left:.0f} s left"
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's progress


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _summary(report: dict[str, Any]) -> str:
    return (
        f"{report['n_photographs']} photographs, {report['train_cpu_s']} CPU s\n"
        f"last epoch: {report['epochs'][-1]}\n"
        f"torch and onnxruntime agree within {report['parity']:.1g}\n"
        f"{_table(report['quality'])}\n"
        f"model: {report['onnx']}\nlook at: {report['last_grid']}"
    )


def _table(quality: dict[str, dict[str, float]]) -> str:
    """Return the judgements, one line each."""
    lines = [
        f"{whose:16}" + "".join(f"{value:12.3f}" for value in judged.values())
        for whose, judged in quality.items()
    ]
    heads = "".join(f"{name:>12}" for name in next(iter(quality.values())))
    return "\n".join([" " * 16 + heads, *lines])
