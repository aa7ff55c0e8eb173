"""Model registry -> ONNX Runtime sessions: verified, warmed up, then swapped in.

The digest is checked before a byte of a model is parsed. One thread per session:
workers scale by processes, and the outputs do not depend on how work is split.
"""

from collections.abc import Callable

import numpy as np
import onnxruntime

from model_export.conditioning import CONDITION_SIZE
from model_export.model_files import LATENT, check_files
from model_export.registry import Registry, RegistryError
from streams.core.model import Floats
from streams.errors import StateError

ROWS = 64
"""Rows per run. Always the same shape, hence the same kernels: a design regenerated
alone is the same, bit for bit, as one made in a batch."""


class OnnxModel:
    """One version of a generator and its critic (a `streams.core.model.Model`)."""

    def __init__(
        self, name: str, version: int, sha256: str, files: dict[str, bytes]
    ) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        checked = check_files(files)
        self.space = checked.space
        self._generator = _session(checked.generator)
        self._critic = _session(checked.critic)
        self.z_size = LATENT

    def propose(self, z: Floats, conditions: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, NV] and continuous values [n, NC]."""
        logits, continuous = _in_rows(
            lambda a, b: self._generator.run(
                ["logits", "continuous"], {"z": a, "condition": b}
            ),
            z,
            conditions,
        )
        return logits, continuous

    def score(self, designs: Floats, conditions: Floats) -> Floats:
        """Return posterior draws of the click logit [n, draws]."""
        (scores,) = _in_rows(
            lambda a, b: self._critic.run(["score"], {"design": a, "condition": b}),
            designs,
            conditions,
        )
        return scores

    def warm_up(self) -> None:
        """Run both networks once; raise StateError when they give what cannot be."""
        z = np.zeros((ROWS, self.z_size), np.float32)
        conditions = np.zeros((ROWS, CONDITION_SIZE), np.float32)
        logits, continuous = self.propose(z, conditions)
        designs = self.space.random(ROWS, np.random.default_rng(0))
        outputs = (logits, continuous, self.score(designs, conditions))
        shapes = (self.space.n_logits, self.space.n_continuous)
        if not all(np.isfinite(output).all() for output in outputs):
            raise StateError(f"{self.name} version {self.version}: outputs not finite")
        if (logits.shape[1], continuous.shape[1]) != shapes:
            raise StateError(
                f"{self.name} version {self.version}: expected outputs of widths "
                f"{shapes}, got {(logits.shape[1], continuous.shape[1])}"
            )


def load(registry: Registry, name: str, version: int, sha256: str) -> OnnxModel:
    """Return a version from the registry, verified and warmed up.

    Raises:
        StateError: the digest differs, a file is missing or the model cannot run.
    """
    try:
        files = registry.read(name, version, sha256)
        model = OnnxModel(name, version, sha256, files)
    except (RegistryError, KeyError, ValueError, RuntimeError) as error:
        raise StateError(
            f"{name} version {version} cannot be served: {error}; "
            "the version in use keeps serving"
        ) from error
    model.warm_up()
    return model


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )


def _in_rows(
    run: Callable[[Floats, Floats], list[Floats]], first: Floats, second: Floats
) -> list[Floats]:
    """Run in chunks of exactly `ROWS` rows, padding the last one with zeros."""
    n = len(first)
    parts: list[list[Floats]] = []
    for start in range(0, max(n, 1), ROWS):
        a, b = first[start : start + ROWS], second[start : start + ROWS]
        missing = ROWS - len(a)
        if missing:
            a = np.pad(a, ((0, missing), (0, 0)))
            b = np.pad(b, ((0, missing), (0, 0)))
        parts.append(run(np.ascontiguousarray(a), np.ascontiguousarray(b)))
    return [np.concatenate(column)[:n] for column in zip(*parts, strict=True)]
