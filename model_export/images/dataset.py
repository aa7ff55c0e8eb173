"""A zip of photographs, a folder per class, or a drawn sample -> pixels and categories.

The classic example's data: product pictures at 64x64x3, or 28x28x1 in grey.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from model_export.images.products import PRODUCTS, draw_product

ImageSize = Literal[28, 64]

N_OF_A_PRODUCT: Final = 160
"""Drawings of each product in the sample."""
N_CHANNELS: Final[dict[ImageSize, int]] = {28: 1, 64: 3}
"""Grey at 28, as in the classic digit and clothing sets; colour at 64."""
SUFFIXES: Final = (".jpg", ".jpeg", ".png")
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_PIXELS: Final = 16 * 1024 * 1024
"""Bounds on what a file can make us allocate."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class ImageDataError(Exception):
    """The photographs cannot be read."""


@dataclass(frozen=True)
class Photographs:
    """Labelled photographs of one size."""

    pixels: NDArray[np.uint8]
    """[n, C, S, S]"""
    categories: Integers
    """[n]; an index into names."""
    names: tuple[str, ...]
    """Class names, sorted."""
    sha256: str
    """Of the file they came from, or of the drawn pixels."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def size(self) -> ImageSize:
        """Return the side of a photograph, in pixels."""
        return 28 if self.pixels.shape[-1] == 28 else 64  # noqa: PLR2004 - both sizes

    def floats(self) -> Floats:
        """Return every photograph as [n, C, S, S] in [-1, 1]."""
        return self.pixels.astype(np.float32) / 127.5 - 1

    def split(self) -> tuple["Photographs", "Photographs"]:
        """Return four of five photographs to teach with, and the fifth to judge by.

        The fifth of each class is held out: the same ones for every seed, so that what
        one run has seen, no other run is judged by.

        Raises:
            ImageDataError: no class has five photographs.
        """
        held_out = np.zeros(len(self), bool)
        for category in range(len(self.names)):
            held_out[np.flatnonzero(self.categories == category)[4::5]] = True
        if not held_out.any():
            raise ImageDataError(
                "expected five photographs of a class, to hold one out; "
                f"got {len(self)} of {len(self.names)} classes"
            )
        return self._rows(~held_out), self._rows(held_out)

    def _rows(self, rows: NDArray[np.bool_]) -> "Photographs":
        return replace(self, pixels=self.pixels[rows], categories=self.categories[rows])

    def batches(
        self, n: int, rng: np.random.Generator
    ) -> Iterator[tuple[Floats, Integers]]:
        """Yield one epoch of shuffled batches [n, C, S, S] in [-1, 1].

        Every photograph is mirrored with probability one half: clothes have no left
        and right. A last batch that is not full is left out, unless it is the only one.
        """
        order = rng.permutation(len(self))
        n = min(n, len(self))
        for start in range(0, len(order) - n + 1, n):
            chosen = order[start : start + n]
            pixels = self.pixels[chosen].astype(np.float32) / 127.5 - 1
            mirrored = rng.integers(2, size=n) == 1
            pixels[mirrored] = pixels[mirrored, :, :, ::-1]
            yield pixels, self.categories[chosen]


def load_photographs(path: Path | None, size: ImageSize) -> Photographs:
    """Read every picture of a zip; its class is the folder it lies in.

    Args:
        path: zip of JPEG or PNG files as `<class>/<name>`; None draws the sample.
        size: side in pixels; 28 gives grey pictures, 64 gives colour.

    Raises:
        ImageDataError: no such file, no zip, no picture, or a picture that is broken.
    """
    if path is None:
        return drawn_sample(size)
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = sorted(
                (member for member in archive.infolist() if _is_picture(member)),
                key=lambda member: member.filename,
            )
            pictures = [_pixels(archive, member, size) for member in members]
    except (OSError, zipfile.BadZipFile) as error:
        raise ImageDataError(
            f"expected a zip of photographs at {path}, got: {error}; "
            "pass --data, or leave it out to use drawn pictures"
        ) from error
    if not pictures:
        raise ImageDataError(
            f"{path} holds no <class>/<name> ending in {', '.join(SUFFIXES)}"
        )
    folders = [_folder(member) for member in members]
    names = tuple(sorted(set(folders)))
    return Photographs(
        np.stack(pictures),
        np.array([names.index(folder) for folder in folders], dtype=np.int64),
        names,
        hashlib.sha256(content).hexdigest(),
    )


def drawn_sample(
    size: ImageSize, n: int = N_OF_A_PRODUCT, seed: int = 0
) -> Photographs:
    """Draw `n` pictures of each product; a larger sample begins with a smaller one."""
    names = tuple(PRODUCTS)
    pixels = []
    for category, name in enumerate(names):
        rng = np.random.default_rng((seed, category))
        pixels += [_array(draw_product(name, size, rng), size) for _ in range(n)]
    stacked = np.stack(pixels)
    categories = np.repeat(np.arange(len(names)), n)
    digest = hashlib.sha256(stacked.tobytes()).hexdigest()
    return Photographs(stacked, categories, names, digest)


def _is_picture(member: zipfile.ZipInfo) -> bool:
    return member.filename.lower().endswith(SUFFIXES) and bool(_folder(member))


def _folder(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).parent.name


def _pixels(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: ImageSize
) -> NDArray[np.uint8]:
    """Return one picture as [C, S, S]."""
    if member.file_size > MAX_FILE_BYTES:
        raise ImageDataError(
            f"{member.filename} has {member.file_size} bytes; at most {MAX_FILE_BYTES}"
        )
    try:
        with Image.open(io.BytesIO(archive.read(member))) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ImageDataError(
                    f"{member.filename} has {picture.width} x {picture.height} "
                    f"pixels; at most {MAX_PIXELS}"
                )
            resized = _plain(picture, size).resize(
                (size, size), Image.Resampling.LANCZOS
            )
    except (UnidentifiedImageError, OSError) as error:
        raise ImageDataError(
            f"{member.filename} is not a readable picture: {error}; remove it"
        ) from error
    return _array(resized, size)


def _plain(picture: Image.Image, size: ImageSize) -> Image.Image:
    return picture.convert("L" if N_CHANNELS[size] == 1 else "RGB")


def _array(picture: Image.Image, size: ImageSize) -> NDArray[np.uint8]:
    """Return a picture of that size as [C, S, S]."""
    pixels = np.asarray(_plain(picture, size))
    return pixels.reshape(size, size, -1).transpose(2, 0, 1)
