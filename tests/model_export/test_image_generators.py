import json
import math
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the train extra")

from model_export.images import training  # noqa: E402
from model_export.images.command import (  # noqa: E402
    MeanLosses,
    TrainingDivergedError,
)
from model_export.images.dataset import Photographs, drawn_sample  # noqa: E402
from model_export.images.export import (  # noqa: E402
    MAX_DIFFERENCE,
    ImageExportError,
    export_generator,
)
from model_export.images.grid import fixed_latents, sample_grid  # noqa: E402
from model_export.images.networks import (  # noqa: E402
    ImageDiscriminator,
    ImageEncoder,
    ImageGenerator,
)

RECIPES = {
    name: lambda data, recipe=recipe, **config: training.train(
        data, replace(recipe, **config)
    )
    for name, recipe in (("gan", training.GAN), ("vae", training.VAE))
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Two threads fighting over a busy core are slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def few(size: int, n: int = 20) -> Photographs:
    """Return some pictures of every class of the drawn sample."""
    return drawn_sample(size, n // 10)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
def test_networks_keep_the_shapes_of_the_classic_example(size, channels):
    z, category = fixed_latents(3, 0), torch.tensor([0, 4, 9])
    picture = ImageGenerator(size, 10)(z, category)
    assert picture.shape == (3, channels, size, size)
    assert picture.abs().max() <= 1
    assert ImageDiscriminator(size, 10)(picture, category).shape == (3,)
    mean, log_variance = ImageEncoder(size, 10)(picture, category)
    assert mean.shape == log_variance.shape == (3, 100)


@pytest.mark.parametrize(("recipe", "size"), [("gan", 64), ("vae", 28)])
def test_one_epoch_changes_the_generator_and_its_export_draws_the_same(
    tmp_path, recipe, size
):
    (epoch,) = RECIPES[recipe](few(size), epochs=1, batch=10)
    assert all(math.isfinite(loss) for loss in epoch.losses.values())
    assert not epoch.generator.training
    difference = export_generator(epoch.generator, tmp_path / "g.onnx", {"a": "b"})
    assert difference <= MAX_DIFFERENCE
    assert [path.name for path in tmp_path.iterdir()] == ["g.onnx"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_seed_gives_the_same_pictures(recipe):
    def drawn() -> np.ndarray:
        (epoch,) = RECIPES[recipe](few(28), epochs=1, batch=10, seed=3)
        with torch.no_grad():
            return epoch.generator(fixed_latents(2, 0), torch.tensor([1, 2])).numpy()

    assert np.array_equal(drawn(), drawn())


def test_a_vae_reconstructs_better_with_every_few_epochs():
    epochs = list(RECIPES["vae"](few(28), epochs=4, batch=10))
    losses = [epoch.losses["reconstruction"] for epoch in epochs]
    assert losses[-1] < 0.99 * losses[0]
    assert ["discriminator" in epoch.losses for epoch in epochs] == [
        False,
        False,
        True,
        True,
    ]


def test_a_gan_is_taught_by_an_autoencoder_first_and_by_its_discriminator_then():
    epochs = list(RECIPES["gan"](few(28), epochs=4, batch=10))
    assert ["reconstruction" in epoch.losses for epoch in epochs] == [
        True,
        True,
        False,
        False,
    ]
    assert not torch.equal(epochs[0].generator.codes.mean, torch.zeros(10, 100))


def test_a_grid_has_one_row_per_class_and_does_not_change_with_the_mode():
    generator = ImageGenerator(28, 2)
    latents = fixed_latents(4, 0)
    grid = sample_grid(generator.train(), latents, ["hat", "shoes"])
    assert generator.training
    again = sample_grid(generator.eval(), latents, ["hat", "shoes"])
    assert grid.size == (78 + 4 * 30, 2 * 30 + 2)
    assert grid.tobytes() == again.tobytes()


def test_an_export_that_draws_otherwise_is_refused_and_leaves_no_file(tmp_path):
    class Noisy(ImageGenerator):
        def forward(self, z, category):
            # What a layer left in training mode does: torch says one thing now,
            # the exported file another for ever.
            picture = super().forward(z, category)
            return picture + (0.0 if torch.compiler.is_exporting() else 0.01)

    with pytest.raises(ImageExportError, match="differ by"):
        export_generator(Noisy(28, 2), tmp_path / "g.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_stops_the_training():
    with pytest.raises(TrainingDivergedError, match="generator loss is nan"):
        MeanLosses().add("generator", torch.tensor(math.nan))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_export.image_gan", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def zip_of(photographs: Photographs, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, pixels in enumerate(photographs.pixels):
            name = photographs.names[photographs.categories[number]]
            picture = Image.fromarray(pixels.transpose(1, 2, 0))
            with archive.open(f"{name}/{number:04}.png", "w") as file:
                picture.save(file, "PNG")
    return path


def test_the_command_writes_grids_a_model_and_one_json_line(tmp_path):
    data = zip_of(drawn_sample(64, 8), tmp_path / "pictures.zip")
    done = command(
        *("--size", "28", "--epochs", "2", "--threads", "1", "--json"),
        *("--data", str(data), "--out", str(tmp_path / "out")),
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    report = json.loads(line)
    assert [row["epoch"] for row in report["epochs"]] == [1, 2]
    assert report["parity"] <= MAX_DIFFERENCE
    assert (report["n_photographs"], report["n_held_out"]) == (70, 10)
    whose = {"drawn", "linear", "linear_by_class", "photographs"}
    assert report["quality"].keys() == whose
    assert report["quality"]["drawn"].keys() >= {"frechet", "neighbours", "recognised"}
    assert "epoch 2/2" in done.stderr
    with Image.open(report["last_grid"]) as grid:
        assert grid.height == 10 * 30 + 2
    out = tmp_path / "out"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    assert written == {
        "generator.onnx",
        "card.json",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
    }


def test_a_wrong_zip_ends_the_command_with_one_sentence(tmp_path):
    done = command("--out", str(tmp_path / "o"), "--data", str(tmp_path / "none.zip"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "expected a zip of photographs" in done.stderr
