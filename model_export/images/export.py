"""An image generator -> ONNX, with proof that onnxruntime draws the same pictures."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch

from model_export.images.grid import fixed_latents
from model_export.images.networks import ImageGenerator

OPSET: Final = 18
MAX_DIFFERENCE: Final = 1e-5
N_PROOF: Final = 64
"""Pictures that the proof compares."""


class ImageExportError(Exception):
    """The exported model does not draw what torch draws."""


def export_generator(
    generator: ImageGenerator, path: Path, metadata: Mapping[str, str]
) -> float:
    """Write a generator as ONNX and return the largest pixel difference found.

    Inputs `z` float32[n, 100] and `category` int64[n]; output `image`
    float32[n, C, S, S] in [-1, 1]; n is free. The file appears whole, or not at all.

    Raises:
        ImageExportError: torch and onnxruntime differ by more than 1e-5.
    """
    generator.eval()
    partial = path.with_suffix(".partial")
    try:
        _write(generator, partial, metadata)
        difference = _difference(generator, partial)
        if not difference <= MAX_DIFFERENCE:
            raise ImageExportError(
                f"torch and onnxruntime should agree within {MAX_DIFFERENCE} and "
                f"differ by {difference}; nothing was written to {path}"
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return difference


def _write(generator: ImageGenerator, path: Path, metadata: Mapping[str, str]) -> None:
    n = torch.export.Dim("n", min=1, max=4096)
    n_categories = generator.embedding.num_embeddings
    # The exporter warns of its own internals and of packages that we do not use.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            generator,
            (fixed_latents(2, 0), torch.arange(2) % n_categories),
            input_names=["z", "category"],
            output_names=["image"],
            dynamic_shapes={"z": {0: n}, "category": {0: n}},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ImageExportError("torch.onnx.export returned no program")
    model = program.model_proto
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _difference(generator: ImageGenerator, path: Path) -> float:
    """Return the largest |torch - onnxruntime| over every class and 64 latents."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    z = fixed_latents(N_PROOF, seed=1)
    category = torch.arange(N_PROOF) % generator.embedding.num_embeddings
    with torch.no_grad():
        expected = generator(z, category).numpy()
    (drawn,) = session.run(
        ["image"], {"z": z.numpy(), "category": category.numpy().astype(np.int64)}
    )
    return float(np.abs(expected - drawn).max())
