"""Model registry -> ONNX Runtime sessions: verified, warmed up, then swapped in.

The digest is checked before a byte of a model is parsed. One thread per session:
workers scale by processes, and the outputs do not depend on how work is split.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime

from model_export.conditioning import CONDITION_SIZE
from model_export.model_files import LATENT, check_files
from model_export.registry import Registry, RegistryError
from streams.core.model import Floats
from streams.errors import StateError

ROWS = 256
"""Candidates per run: a run has this many, or those of one request if they are more.
Always the same shape, hence the same kernels: a design regenerated alone is the same,
bit for bit, as one made in a batch. From here on larger runs gain next to nothing."""


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
        self._generator = _Network(checked.generator, "z", ("logits", "continuous"))
        self._critic = _Network(checked.critic, "design", ("score",))
        self.z_size = LATENT

    def propose(self, z: Floats, conditions: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, K, NV] and continuous values [n, K, NC]."""
        logits, continuous = self._generator.run(z, conditions)
        return logits, continuous

    def score(self, designs: Floats, conditions: Floats) -> Floats:
        """Return posterior draws of the click logit [n, K, draws]."""
        (scores,) = self._critic.run(designs, conditions)
        return scores

    def warm_up(self) -> None:
        """Run both networks once; raise StateError when they give what cannot be."""
        z = np.zeros((1, ROWS, self.z_size), np.float32)
        conditions = np.zeros((1, CONDITION_SIZE), np.float32)
        designs = self.space.random(ROWS, np.random.default_rng(0))
        try:
            logits, continuous = self.propose(z, conditions)
            outputs = (logits, continuous, self.score(designs[None], conditions))
        except Exception as error:
            # ONNX Runtime's errors have no common class of their own.
            raise StateError(
                f"{self.name} version {self.version} does not run: {error}; expected "
                "a model of this release: export it again"
            ) from error
        shapes = (self.space.n_logits, self.space.n_continuous)
        if not all(np.isfinite(output).all() for output in outputs):
            raise StateError(f"{self.name} version {self.version}: outputs not finite")
        if (logits.shape[2], continuous.shape[2]) != shapes:
            raise StateError(
                f"{self.name} version {self.version}: expected outputs of widths "
                f"{shapes}, got {(logits.shape[2], continuous.shape[2])}"
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


class _Network:
    """One ONNX graph whose second input counts for several rows of the first."""

    def __init__(self, model: bytes, rows: str, outputs: Sequence[str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._rows = rows
        self._outputs = outputs

    def run(self, rows: Floats, conditions: Floats) -> list[Floats]:
        """Return the outputs [n, K, width] for rows [n, K, width], conditions [n, C].

        Runs in chunks of one shape, padding the last one with zeros.
        """
        n, k, width = rows.shape
        step = max(1, ROWS // k)
        missing = -n % step
        if missing:
            rows = _padded(rows, n + missing)
            conditions = _padded(conditions, n + missing)
        parts = []
        for start in range(0, n, step):
            chunk = slice(start, start + step)
            feed = {
                self._rows: rows[chunk].reshape(step * k, width),
                "condition": conditions[chunk],
            }
            parts.append(self._session.run(self._outputs, feed))
        return [
            np.concatenate(column).reshape(n + missing, k, -1)[:n]
            for column in zip(*parts, strict=True)
        ]


def _padded(rows: Floats, n: int) -> Floats:
    """Return n rows, zeros at the end (np.pad takes a tenth of a millisecond)."""
    answer = np.zeros((n, *rows.shape[1:]), np.float32)
    answer[: len(rows)] = rows
    return answer
