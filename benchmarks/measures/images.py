"""`adloom bench images`: generators of clothes, beside photographs and PCA.

The photographs are clothing-dataset-small by A. Grigorev (CC0). A generator that is not
in var/bench/images is trained first: the recipe's own epochs, seed 0, one thread. Then
it draws from its ONNX file as many pictures as photographs were held out, once for each
run, and `model_export.images.quality` judges them beside everything else.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.data_files import data_file
from benchmarks.figures import Row, UnavailableError, at_least, at_most, beside, row
from benchmarks.session import Session, note
from model_export.images.dataset import ImageSize, load_photographs
from model_export.images.quality import Judge, Judged, References

Recipe = Literal["gan", "vae"]

PHOTOGRAPHS = "clothing64_train_jpeg.zip"
SIZES: tuple[ImageSize, ...] = (64, 28)
RECIPES: tuple[Recipe, ...] = ("gan", "vae")
NEARER = at_most(1.0)
RECOGNISED = at_least(50.0)
_LINEAR = "PCA-64 Gaussian"
_SEED = 0
_LATENT = 100
_AT_ONCE = 64
_PERCENT = 100.0


def images(session: Session) -> Iterator[Row]:
    """Yield what two recipes draw at two sizes, and what they are compared with.

    Raises:
        UnavailableError: the photographs or the extra `train` are not there.
    """
    data = data_file(PHOTOGRAPHS)
    for size in SIZES:
        judge = Judge(*load_photographs(data, size).split())
        seeds = range(session.options.runs)
        references = [judge.references(seed) for seed in seeds]
        yield from _told(f"images {size}", references)
        for recipe in RECIPES:
            folder = session.options.folder / "images" / f"{recipe}-{size}"
            model = _trained(folder, data, recipe, size)
            drawn = [
                judge.judged(_drawn(model, judge.wanted, seed), seed) for seed in seeds
            ]
            linear = [run.linear for run in references]
            yield from _compared(f"images {recipe} {size}", drawn, linear)


def _trained(folder: Path, data: Path, recipe: Recipe, size: ImageSize) -> Path:
    """Return a generator's ONNX file, trained when it is missing."""
    model, card = folder / "generator.onnx", folder / "card.json"
    if not card.is_file():
        note(f"training {recipe} {size} into {folder}")
        module = f"model_export.image_{recipe}"
        options = {"size": size, "data": data, "out": folder, "seed": _SEED}
        given = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", module, *given, "--threads=1", "--json"]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise UnavailableError(f"{module} ended with {done.returncode}")
    told = json.loads(card.read_text("utf-8"))
    note(
        f"{recipe} {size}: {len(told['epochs'])} epochs of {told['n_photographs']} "
        f"photographs, seed {told['seed']}, {told['train_cpu_s']} CPU s"
    )
    return model


def _drawn(model: Path, wanted: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    """Draw a picture of each wanted class: [n, C, S, S]."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((len(wanted), _LATENT)).astype(np.float32)
    pictures = [
        session.run(
            ["image"],
            {
                "z": z[start : start + _AT_ONCE],
                "category": wanted[start : start + _AT_ONCE],
            },
        )[0]
        for start in range(0, len(wanted), _AT_ONCE)
    ]
    return np.concatenate(pictures)


def _compared(
    name: str, drawn: Sequence[Judged], linear: Sequence[Judged]
) -> Iterator[Row]:
    for what, unit, field in (
        ("Frechet distance", "of edges and colour", "frechet"),
        ("1-NN accuracy", "share", "neighbours"),
        ("patches", "sliced Wasserstein", "patches"),
    ):
        ours, theirs = _values(drawn, field), _values(linear, field)
        yield beside(f"{name}, {what}", unit, ours, _LINEAR, theirs, NEARER)
    read = [_PERCENT * value for value in _values(drawn, "recognised")]
    yield row(f"{name}, class recognised", "%", read, RECOGNISED)
    novelty = _values(drawn, "novelty")
    yield row(f"{name}, nearest photograph taught", "x a held-out one's", novelty)


def _told(name: str, runs: Sequence[References]) -> Iterator[Row]:
    for label, field in (
        (_LINEAR, "linear"),
        (f"{_LINEAR} by class", "linear_by_class"),
        ("photographs", "photographs"),
    ):
        judged: list[Judged] = [getattr(run, field) for run in runs]
        for what, unit, figure, factor in (
            ("Frechet distance", "of edges and colour", "frechet", 1.0),
            ("1-NN accuracy", "share", "neighbours", 1.0),
            ("patches", "sliced Wasserstein", "patches", 1.0),
            ("class recognised", "%", "recognised", _PERCENT),
        ):
            values = [factor * value for value in _values(judged, figure)]
            yield row(f"{name} {label}, {what}", unit, values)


def _values(judged: Sequence[Judged], field: str) -> list[float]:
    return [float(getattr(one, field)) for one in judged]
