"""Model registry -> ONNX Runtime sessions: verified, warmed up, then swapped in.

The digest is checked before a byte of a model is parsed. One thread per session:
workers scale by processes, and the outputs do not depend on how work is split.
"""

import copy
from collections.abc import Callable
from typing import Self

import numpy as np
import onnxruntime

from model_export.critic import posterior
from model_export.critic.layout import N_HOUR, Layout
from model_export.space.conditioning import CONDITION_SIZE, moved
from model_export.store.model_files import LATENT, ModelFileError, check_files
from model_export.store.registry import Registry, RegistryError
from schemas.vocabulary import deployed
from streams.errors import StateError
from streams.stages.creatives.arms import Floats

ROWS = 256
"""Latents per run: a run has this many, or those of one request if they are more.
Always the same shape, hence the same kernels: a design regenerated alone is the same,
bit for bit, as one made in a batch. From here on larger runs gain next to nothing."""

PEOPLE = 128
"""People per run of person.onnx and critic.onnx, for the same reason: alone it takes
half a millisecond, and in a full run a hundredth of that."""


class OnnxModel:
    """One version of a generator and its critic (a `ServedModel`)."""

    def __init__(
        self, name: str, version: int, sha256: str, files: dict[str, bytes]
    ) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        self.posterior_sha256 = ""
        checked = check_files(files)
        self.space = checked.space
        self._person = _session(checked.person)
        self._generator = _session(checked.generator)
        self._critic = _session(checked.critic)
        n_features = self._person.get_outputs()[0].shape[1]
        self._ids, n_surfaces = checked.ids, len(checked.ids.surfaces)
        n_tastes = n_features - n_surfaces - N_HOUR
        self.layout = Layout.of(self.space, n_tastes, n_surfaces)
        self._weights = posterior.from_bytes(checked.posterior, self.layout)
        self.z_size = LATENT

    def person(self, conditions: Floats) -> Floats:
        """Return person features [n, N]."""
        (person,) = _in_runs(
            lambda part: self._person.run(["person"], {"condition": part}),
            PEOPLE,
            moved(conditions, deployed().ids, self._ids, deployed().maps),
        )
        return person

    def propose(self, z: Floats, person: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, K, NV] and continuous values [n, K, NC]."""
        k, width = z.shape[1:]

        def run(latents: Floats, people: Floats) -> list[Floats]:
            feed = {"z": latents.reshape(-1, width), "person": people}
            outputs = self._generator.run(["logits", "continuous"], feed)
            return [output.reshape(len(people), k, -1) for output in outputs]

        logits, continuous = _in_runs(run, max(1, ROWS // k), z, person)
        return logits, continuous

    def worth(self, person: Floats) -> tuple[Floats, Floats]:
        """Return the worth of each look [n, F, S], and the rest of the logit [n, S]."""
        worth, base = _in_runs(
            lambda part: self._critic.run(
                ["worth", "base"], {"person": part, "weights": self._weights}
            ),
            PEOPLE,
            person,
        )
        return worth, base

    def with_posterior(self, registry: Registry, sha256: str) -> Self:
        """Return this version with what its critic came to; the networks are shared.

        Raises:
            StateError: the posterior is not there, has another digest or is not
                numbers for this critic.
        """
        try:
            content = registry.posterior(self.name, self.version, sha256)
            weights = posterior.from_half(content, self.layout)
        except (RegistryError, ModelFileError) as error:
            raise StateError(
                f"posterior of {self.name} {self.version}: {error}"
            ) from error
        other = copy.copy(self)
        other.posterior_sha256 = sha256
        other._weights = weights  # noqa: SLF001 - our own kind
        return other

    def warm_up(self) -> None:
        """Run all networks once; raise StateError when they give what cannot be."""
        z = np.zeros((1, ROWS, self.z_size), np.float32)
        conditions = np.zeros((1, CONDITION_SIZE), np.float32)
        try:
            person = self.person(conditions)
            logits, continuous = self.propose(z, person)
            outputs = (person, logits, continuous, *self.worth(person))
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


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )


def _in_runs(
    run: Callable[..., list[Floats]], size: int, *inputs: Floats
) -> list[Floats]:
    """Return a function's outputs for all rows, `size` rows a run.

    The last run is filled up with zeros.
    """
    n = len(inputs[0])
    padded = [_padded(rows, n + -n % size) for rows in inputs]
    parts = [
        run(*(rows[start : start + size] for rows in padded))
        for start in range(0, n, size)
    ]
    return [np.concatenate(column)[:n] for column in zip(*parts, strict=True)]


def _padded(rows: Floats, n: int) -> Floats:
    """Return n rows, zeros at the end (np.pad takes a tenth of a millisecond)."""
    if len(rows) == n:
        return np.ascontiguousarray(rows, np.float32)
    answer = np.zeros((n, *rows.shape[1:]), np.float32)
    answer[: len(rows)] = rows
    return answer
