import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_export.images.dataset import (
    N_OF_A_PRODUCT,
    ImageDataError,
    drawn_sample,
    load_photographs,
)
from model_export.images.products import PRODUCTS, draw_product


def zip_of(path: Path, **pictures: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, (folder, content) in enumerate(pictures.items()):
            archive.writestr(f"{folder}/{number}.png", content)
    return path


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
def test_without_a_zip_ten_products_are_drawn(size, channels):
    photographs = load_photographs(None, size)
    n = N_OF_A_PRODUCT
    assert photographs.pixels.shape == (10 * n, channels, size, size)
    assert photographs.size == size
    assert photographs.names == tuple(sorted(photographs.names))
    assert np.bincount(photographs.categories).tolist() == [n] * 10
    assert photographs.pixels.std() > 30
    assert len({picture.tobytes() for picture in photographs.pixels}) == 10 * n


def test_the_same_seed_draws_the_same_products():
    first, again, other = (drawn_sample(64, 2, seed) for seed in (1, 1, 2))
    assert first.sha256 == again.sha256 != other.sha256
    assert np.array_equal(first.pixels[:2], drawn_sample(64, 5, 1).pixels[:2])


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_stands_out_from_its_background(name):
    rng = np.random.default_rng(0)
    for _ in range(20):
        pixels = np.asarray(draw_product(name, 64, rng), float)
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        distance = np.abs(pixels - edge.mean(0)).mean(2)
        assert (distance > 40).mean() > 0.03


def test_a_picture_of_any_size_is_resized_and_labelled_by_its_folder(tmp_path):
    path = zip_of(
        tmp_path / "p.zip", hat=png(200, 90, (255, 0, 0)), bag=png(8, 8, (0, 0, 255))
    )
    photographs = load_photographs(path, 64)
    assert photographs.names == ("bag", "hat")
    assert photographs.categories.tolist() == [0, 1]
    assert photographs.pixels[1, :, 5, 5].tolist() == [255, 0, 0]


def test_batches_hold_every_photograph_once_between_minus_one_and_one():
    photographs = drawn_sample(28, 8)
    batches = list(photographs.batches(16, np.random.default_rng(0)))
    assert [len(labels) for _, labels in batches] == [16] * 5
    assert sum(np.bincount(labels, minlength=10) for _, labels in batches).tolist() == (
        [8] * 10
    )
    for pixels, _ in batches:
        assert pixels.dtype == np.float32
        assert -1 <= pixels.min() < pixels.max() <= 1


def test_the_same_seed_gives_the_same_batches():
    photographs = drawn_sample(28, 8)
    first, second = (
        next(photographs.batches(16, np.random.default_rng(4))) for _ in range(2)
    )
    assert np.array_equal(first[0], second[0])


def test_a_batch_larger_than_the_set_is_the_whole_set():
    photographs = drawn_sample(28, 8)
    ((pixels, _),) = photographs.batches(500, np.random.default_rng(0))
    assert len(pixels) == 80


def test_every_fifth_photograph_of_a_class_is_held_out():
    every = drawn_sample(28, 8)
    taught, held_out = every.split()
    assert np.bincount(taught.categories).tolist() == [7] * 10
    assert np.bincount(held_out.categories).tolist() == [1] * 10
    shown = {picture.tobytes() for picture in taught.pixels}
    kept = {picture.tobytes() for picture in held_out.pixels}
    assert shown.isdisjoint(kept)
    assert len(shown | kept) == 80


def test_a_set_too_small_to_hold_one_out_is_refused(tmp_path):
    path = zip_of(tmp_path / "p.zip", hat=png(8, 8, (1, 2, 3)))
    with pytest.raises(ImageDataError, match="five photographs of a class"):
        load_photographs(path, 64).split()


def test_a_missing_file_is_named_and_a_way_out_is_given(tmp_path):
    with pytest.raises(ImageDataError, match=r"none\.zip.*--data"):
        load_photographs(tmp_path / "none.zip", 64)


def test_a_broken_picture_is_named(tmp_path):
    path = zip_of(tmp_path / "p.zip", hat=b"\xff\xd8 this is no picture")
    with pytest.raises(ImageDataError, match=r"hat/0\.png"):
        load_photographs(path, 64)


def test_a_zip_without_pictures_is_refused(tmp_path):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    with pytest.raises(ImageDataError, match="holds no"):
        load_photographs(path, 64)


def test_an_enormous_picture_is_refused_before_it_is_decoded(tmp_path):
    path = zip_of(tmp_path / "p.zip", hat=png(5_000, 5_000, (1, 2, 3)))
    with pytest.raises(ImageDataError, match="5000 x 5000"):
        load_photographs(path, 64)
