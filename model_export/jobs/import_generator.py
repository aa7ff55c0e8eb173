"""Folder with somebody else's generator.onnx -> a candidate version with its verdicts.

The generator has the signature of docs/generators.md, "A generator of your own". It is
checked, bound to the creative space, and put beside a critic that knows nothing yet, as
pre-training would. Feedback then teaches the critic; the generator stays as it is.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from model_export.critic import taste
from model_export.critic.critic_state import CriticState
from model_export.generators.catalogue import IMPORTED
from model_export.generators.checkpoint import Model
from model_export.generators.export import Served, export, session
from model_export.generators.onnx_graph import repeat_people
from model_export.jobs import gates
from model_export.jobs.pretrain import card, library_people
from model_export.space.design_space import DesignSpace, SpaceError
from model_export.store.model_files import GENERATOR, LATENT, SPACE
from model_export.store.onnx_file import ModelFileError, OnnxFile
from model_export.store.registry import Registry

MAX_BYTES = 64 * 2**20
LEAST_OPSET = 15
LICENCE = "LICENSE.txt"
DIGEST = f"{GENERATOR}.sha256"

_SPACE_KEY = "space_sha256"
_CLOSE = 1e-4
"""Largest difference of outputs that are the same but for the order of sums."""
_N_PEOPLE, _EACH = 3, 4

Floats = NDArray[np.float32]


def import_generator(
    registry: Registry,
    name: str,
    folder: Path,
    space: DesignSpace,
    seed: int,
    created_at: int,
) -> dict[str, Any]:
    """Add a folder's generator as a version; return its number and verdicts.

    Args:
        registry: where the version goes.
        name: model that it becomes a version of.
        folder: generator.onnx; beside it, if there, generator.onnx.sha256, space.toml
            and LICENSE.txt.
        space: creative space that it chooses from.
        seed: of the taste model whose features `person` are.
        created_at: epoch ms.

    Raises:
        ModelFileError: it cannot be used; a line for each reason.
        RegistryError: the store failed.
    """
    who = taste.seeded(np.random.default_rng([seed, 4]))
    content, mistakes = _read(folder, space)
    if not mistakes:
        content, mistakes = _fitted(content, space, who.n_features)
    if mistakes:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise ModelFileError(
            f"{folder} cannot be imported:\n{lines}\nsee docs/generators.md, "
            '"A generator of your own"'
        )
    library = np.zeros((0, space.size), np.float32)
    known = CriticState.none(who, space)
    model = Model(IMPORTED, space, seed, library, None, known, content)
    files = export(model)
    people = library_people(space, seed)[: gates.N_PEOPLE]
    verdicts = gates.library_gates(model, Served(files), people)
    licence = folder / LICENCE
    origin = {
        "folder": str(folder),
        "sha256": hashlib.sha256((folder / GENERATOR).read_bytes()).hexdigest(),
        "licence": licence.read_text("utf-8", "replace") if licence.is_file() else None,
    }
    opsets = {GENERATOR: OnnxFile(content, GENERATOR).opset}
    details: dict[str, Any] = {
        "imported": origin,
        "library": None,
        "opsets": opsets,
        "metrics": {},
    }
    full = card(model, verdicts, created_at, **details)
    added = registry.add(name, files, full)
    return {
        **asdict(added),
        "passed": full["passed"],
        "verdicts": full["verdicts"],
        "imported": origin,
    }


def _read(folder: Path, space: DesignSpace) -> tuple[bytes, list[str]]:
    """Return the file, and what is wrong with the folder."""
    try:
        content = (folder / GENERATOR).read_bytes()
    except OSError as error:
        return b"", [f"{GENERATOR}: cannot be read: {error}"]
    mistakes = []
    if len(content) > MAX_BYTES:
        mistakes.append(f"{len(content):,} bytes: expected {MAX_BYTES:,} at most")
    mistakes += _other_digest(folder, content)
    mistakes += _other_space(folder, space)
    try:
        opset = OnnxFile(content, GENERATOR).opset
        if opset < LEAST_OPSET:
            mistakes.append(f"opset {opset}: expected {LEAST_OPSET} or later")
    except ModelFileError as error:
        mistakes.append(str(error))
    return content, mistakes


def _other_digest(folder: Path, content: bytes) -> Iterator[str]:
    path = folder / DIGEST
    if path.is_file():
        expected = (path.read_text("utf-8", "replace").split() or [""])[0].lower()
        got = hashlib.sha256(content).hexdigest()
        if got != expected:
            yield f"sha256 {got}: expected {expected}, of {DIGEST}"


def _other_space(folder: Path, space: DesignSpace) -> Iterator[str]:
    path = folder / SPACE
    if not path.is_file():
        return
    try:
        own = DesignSpace(path.read_text("utf-8"), str(path))
    except (SpaceError, UnicodeDecodeError) as error:
        yield str(error)
        return
    if own.digest != space.digest:
        yield (
            f"{SPACE} is the creative space {own.digest[:12]} ({own.name}): expected "
            f"{space.digest[:12]} ({space.name}), the one of `model.space`"
        )


def _fitted(
    content: bytes, space: DesignSpace, n_features: int
) -> tuple[bytes, list[str]]:
    """Return the file as it is served, and what is wrong with what it computes."""
    try:
        mistakes = list(_other_signature(session(content), space, n_features))
        if mistakes:
            return content, mistakes
        bound = _bound(content, space)
        return bound, list(_wrong_outputs(bound))
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's have no common class
        return content, [f"ONNX Runtime cannot run it: {error}"]


def _other_signature(
    run: onnxruntime.InferenceSession, space: DesignSpace, n_features: int
) -> Iterator[str]:
    expected = (
        ("input", run.get_inputs(), {"z": LATENT, "person": n_features}),
        (
            "output",
            run.get_outputs(),
            {"logits": space.n_logits, "continuous": space.n_continuous},
        ),
    )
    for kind, found, widths in expected:
        names = [each.name for each in found]
        if sorted(names) != sorted(widths):
            yield f"{kind}s {names}: expected {list(widths)}"
            continue
        for each in found:
            width = widths[each.name]
            free = len(each.shape) == 2 and not isinstance(each.shape[0], int)  # noqa: PLR2004
            if each.type != "tensor(float)" or not free or each.shape[1] != width:
                yield (
                    f"{kind} {each.name} of {each.type} {each.shape}: expected "
                    f"tensor(float) [n, {width}], n free"
                )


def _bound(content: bytes, space: DesignSpace) -> bytes:
    """Return the file with the space's digest in it, a person counting for n / m rows.

    A generator that expects a row of `person` for each row of `z` gets them repeated.
    """
    z, person = _trial(session(content).get_inputs())
    model = onnx.load_from_string(content)
    try:
        run = session(content)
        each = _run(run, z, np.repeat(person, _EACH, 0))
        whole = _run(run, z, person)
        repeats = any(not _equal(a, b) for a, b in zip(each, whole, strict=True))
    except Exception:  # noqa: BLE001 - as above; what else is wrong shows below
        repeats = True
    if repeats:
        repeat_people(model)
    kept = [(one.key, one.value) for one in model.metadata_props]
    metadata = dict(kept) | {_SPACE_KEY: space.digest, "kind": IMPORTED}
    onnx.helper.set_model_props(model, metadata)
    bound: bytes = model.SerializeToString(deterministic=True)
    return bound


def _wrong_outputs(content: bytes) -> Iterator[str]:
    """Yield what makes the outputs useless, or impossible to make again."""
    run = session(content)
    z, person = _trial(run.get_inputs())
    outputs = _run(run, z, person)
    for name, output in zip(("logits", "continuous"), outputs, strict=True):
        if len(output) != len(z):
            yield f"{len(output)} rows of {name} for {len(z)} of z: expected as many"
        elif not np.isfinite(output).all():
            yield f"{name} with numbers that are not finite: expected finite ones"
    again = _run(run, z, person)
    if any(not np.array_equal(a, b) for a, b in zip(outputs, again, strict=True)):
        yield "two runs differ: expected all randomness in z, so that it can be redone"
    alone = _run(run, z[:_EACH], person[:1])
    if any(not _equal(a[:_EACH], b) for a, b in zip(outputs, alone, strict=True)):
        yield "a row depends on the rows beside it: expected each on its own"


def _trial(inputs: list[Any]) -> tuple[Floats, Floats]:
    widths = {each.name: each.shape[1] for each in inputs}
    rng = np.random.default_rng(0)
    z = rng.normal(size=(_N_PEOPLE * _EACH, widths["z"])).astype(np.float32)
    person = rng.normal(size=(_N_PEOPLE, widths["person"])).astype(np.float32)
    return z, person


def _run(run: onnxruntime.InferenceSession, z: Floats, person: Floats) -> list[Floats]:
    feed = {"z": z, "person": person}
    outputs: list[Floats] = run.run(["logits", "continuous"], feed)
    return outputs


def _equal(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and np.allclose(
        one, other, atol=_CLOSE, rtol=_CLOSE, equal_nan=True
    )
