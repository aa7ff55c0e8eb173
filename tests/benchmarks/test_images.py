"""`adloom bench images` reads what was trained and says what is better and worse."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the train extra")

from benchmarks.figures import UnavailableError  # noqa: E402 - needs torch
from benchmarks.measures import images  # noqa: E402
from benchmarks.session import Options, Session  # noqa: E402
from model_export.images.dataset import drawn_sample  # noqa: E402
from model_export.images.export import export_generator  # noqa: E402
from model_export.images.networks import ImageGenerator  # noqa: E402
from model_export.images.quality import Judged  # noqa: E402

GOOD = Judged(0.1, 0.6, 0.7, 0.9, 0.1)
BAD = Judged(0.2, 0.9, 0.2, 1.1, 0.2)


def test_a_generator_nearer_than_the_baseline_reaches_its_targets():
    rows = list(images._compared("it", [GOOD], [BAD]))
    assert [row.reached for row in rows] == [True, True, True, True, None]
    assert [row.ratio for row in rows[:2]] == pytest.approx([0.5, 0.6 / 0.9])
    assert rows[3].value == 70


def test_a_generator_farther_than_the_baseline_does_not():
    rows = list(images._compared("it", [BAD], [GOOD]))
    assert [row.reached for row in rows] == [False, False, False, False, None]


def test_what_was_trained_is_read_and_every_figure_has_its_row(tmp_path, monkeypatch):
    products = drawn_sample(28, 8)
    with zipfile.ZipFile(tmp_path / images.PHOTOGRAPHS, "w") as archive:
        for number, pixels in enumerate(products.pixels):
            name = products.names[products.categories[number]]
            with archive.open(f"{name}/{number}.png", "w") as file:
                Image.fromarray(pixels[0]).save(file, "PNG")
    monkeypatch.setenv("ADLOOM_BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(images, "SIZES", (28,))
    monkeypatch.setattr(images, "RECIPES", ("gan",))
    folder = tmp_path / "images" / "gan-28"
    folder.mkdir(parents=True)
    export_generator(ImageGenerator(28, 10), folder / "generator.onnx", {})
    card = {"epochs": [1], "n_photographs": 70, "seed": 0, "train_cpu_s": 1.0}
    (folder / "card.json").write_text(json.dumps(card))
    with Session(Options(runs=2, folder=tmp_path)) as session:
        rows = {row.name: row for row in images.images(session)}
    assert len(rows) == 5 + 3 * 4
    assert all(row.n_runs == 2 and np.isfinite(row.value) for row in rows.values())
    # An untrained generator draws grey, whatever class it is asked for.
    assert rows["images gan 28, class recognised"].value < 50
    assert rows["images gan 28, class recognised"].reached is False
    ours, floor = rows["images gan 28, patches"], rows["images 28 photographs, patches"]
    assert ours.value > floor.value
    assert ours.reached is False


def test_without_the_photographs_the_figure_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("ADLOOM_BENCH_DATA", str(tmp_path))
    with (
        Session(Options(folder=tmp_path)) as session,
        pytest.raises(UnavailableError, match=r"clothing64_train_jpeg\.zip"),
    ):
        list(images.images(session))
