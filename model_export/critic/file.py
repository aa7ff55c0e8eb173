"""State of a critic <-> critic.safetensors: what learning goes on from. No torch.

Only the upper triangle of the information matrix is kept: it is symmetric.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors, save as save_tensors

from model_export.critic.critic_state import CriticState
from model_export.critic.delayed_feedback import ExpectedClicks
from model_export.critic.layout import Layout
from model_export.critic.learnt_labels import LearntLabels
from model_export.critic.poison import Suspects
from model_export.critic.predictive_checks import Calibration, RankingCheck
from model_export.critic.prior import Prior
from model_export.critic.selector import ClickCritic
from model_export.critic.taste import TasteModel
from model_export.space.design_space import DesignSpace
from model_export.store.onnx_file import ModelFileError
from schemas.vocabulary import Ids, ids_of

_FORMAT = "adloom-critic-3"


def to_bytes(critic_state: CriticState) -> bytes:
    """Return it as the content of critic.safetensors."""
    taste, critic = critic_state.taste, critic_state.critic
    suspects = critic_state.suspects
    upper = np.triu_indices_from(critic.precision)
    tensors: dict[str, NDArray[Any]] = {
        "taste.base": taste.base,
        "taste.loadings": taste.loadings,
        "taste.centre": taste.centre,
        "taste.axes": taste.axes,
        "critic.precision": critic.precision[upper],
        "critic.eta": critic.eta,
        "prior.level": critic.prior.level,
        "prior.spread": critic.prior.spread,
        "prior.shared": critic.prior.shared,
        "prior.relevance": critic.prior.relevance,
        "suspects.shown": suspects.shown,
        "suspects.clicked": suspects.clicked,
        "ledger.key": critic_state.labels.key,
        "ledger.clicked": critic_state.labels.clicked.astype(np.uint8),
        "ledger.shown_at": critic_state.labels.shown_at,
        "ledger.delay": critic_state.labels.delay,
        "to_come.shown_at": critic_state.expected_clicks.shown_at,
        "to_come.share": critic_state.expected_clicks.share,
        "to_come.rows": critic_state.expected_clicks.rows,
    }
    header = {
        "format": _FORMAT,
        "taste": taste.origin,
        "vocabulary": taste.ids.to_json(),
        "n_examples": critic.n_examples,
        "n_clicks": critic.n_clicks,
        "honesty": asdict(critic_state.ranking),
        "calibration": asdict(critic_state.calibration),
        "follows": critic_state.follows,
        "suspects": {"n": suspects.n, "n_clicks": suspects.n_clicks},
    }
    return save(tensors, header)


def from_bytes(content: bytes, space: DesignSpace) -> CriticState:
    """Return the state in a file.

    Raises:
        ModelFileError: not such a file, or of another creative space.
    """
    try:
        header, tensors = load(content, _FORMAT)
        taste = TasteModel(
            base=tensors["taste.base"],
            loadings=tensors["taste.loadings"],
            centre=tensors["taste.centre"],
            axes=tensors["taste.axes"],
            origin=header["taste"],
            ids=Ids.from_json(header["vocabulary"])
            if "vocabulary" in header
            else ids_of(None),
        )
        layout = Layout.of(space, taste.n_tastes, len(taste.ids.surfaces))
        upper = np.zeros((layout.n_weights, layout.n_weights))
        upper[np.triu_indices_from(upper)] = tensors["critic.precision"]
        critic = ClickCritic(
            layout=layout,
            prior=Prior(
                level=tensors["prior.level"],
                spread=tensors["prior.spread"],
                shared=tensors["prior.shared"],
                relevance=tensors["prior.relevance"],
            ),
            precision=upper + np.triu(upper, 1).T,
            eta=tensors["critic.eta"],
            n_examples=header["n_examples"],
            n_clicks=header["n_clicks"],
        )
        critic_state = CriticState(
            taste=taste,
            critic=critic,
            ranking=RankingCheck(**header["honesty"]),
            suspects=Suspects(
                shown=tensors["suspects.shown"],
                clicked=tensors["suspects.clicked"],
                **header["suspects"],
            ),
            calibration=Calibration(**header["calibration"]),
            labels=_labels(tensors),
            expected_clicks=_expected_clicks(tensors, layout.n_weights),
            follows=header.get("follows", True),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"critic file cannot be used: {error}") from error
    if critic.eta.shape != (layout.n_weights,):
        raise ModelFileError(
            f"critic file with {len(critic.eta)} weights: expected {layout.n_weights}, "
            f"for the creative space {space.name}"
        )
    return critic_state


def _expected_clicks(
    tensors: dict[str, NDArray[Any]], n_weights: int
) -> ExpectedClicks:
    """Return the clicks to come; versions of earlier releases have none."""
    if "to_come.rows" not in tensors:
        return ExpectedClicks.none(n_weights)
    rows, share = tensors["to_come.rows"], tensors["to_come.share"]
    shown_at = tensors["to_come.shown_at"]
    if rows.shape != (len(share), n_weights) or len(shown_at) != len(share):
        raise ValueError("clicks to come of one row of weights a job were expected")
    return ExpectedClicks(shown_at, share, rows)


def _labels(tensors: dict[str, NDArray[Any]]) -> LearntLabels:
    """Return the labels; versions of earlier releases have none, or no delays."""
    if "ledger.key" not in tensors:
        return LearntLabels.none()
    shown_at = tensors["ledger.shown_at"]
    labels = LearntLabels(
        tensors["ledger.key"],
        tensors["ledger.clicked"].astype(np.float32),
        shown_at,
        tensors.get("ledger.delay", np.zeros_like(shown_at)),
    )
    lengths = {len(labels.key), len(labels.clicked), len(shown_at), len(labels.delay)}
    if len(lengths) != 1:
        raise ValueError("labels in columns of one length were expected")
    return labels


def save(tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> bytes:
    """Return tensors and a header as a safetensors file; the same bytes every time."""
    contiguous = {name: np.ascontiguousarray(part) for name, part in tensors.items()}
    content: bytes = save_tensors(contiguous, {"adloom": json.dumps(header)})
    return content


def load(
    content: bytes, expected_format: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return header and tensors of a file that `save` made.

    Raises:
        ModelFileError: another format, or not a safetensors file.
    """
    try:
        tensors = load_tensors(content)
        size = int.from_bytes(content[:8], "little")
        raw = json.loads(content[8 : 8 + size])
        header: dict[str, Any] = json.loads(raw["__metadata__"]["adloom"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelFileError(f"not a file of {expected_format}: {error}") from error
    if header.get("format") != expected_format:
        raise ModelFileError(
            f"file of the format {header.get('format')}: expected {expected_format}"
        )
    return header, tensors
