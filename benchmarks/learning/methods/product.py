"""Ours: the product's own code, from feedback to what is picked.

Each update is a fine-tune job (`model_export.jobs.fine_tune.tuned`) whose export is
loaded as a worker loads it (`streams.stages.creatives.inference`), and
`streams.stages.creatives.picking` picks. Without a generator, all
candidates are Thompson designs.
"""

import json
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.method import Batch, Floats, Setting
from model_export.critic import taste
from model_export.critic.learnt_labels import keys_of
from model_export.critic.pick import click_probability
from model_export.critic.posterior import best_designs
from model_export.feedback.dataset import FeedbackArrays
from model_export.generators.checkpoint import Model
from model_export.generators.export import OPSET, export
from model_export.jobs import pretrain
from model_export.jobs.fine_tune import tuned
from model_export.store.model_files import CARD
from streams.settings import CreativesSettings
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.arms import Arm
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.inference import OnnxModel
from streams.stages.creatives.picking import ArmRequests, Picker

_ROWS = 256
_NOBODYS = ""
"""Category advertised: the worlds have none."""

Variant = Literal["served", "generated", "pretrained", "exact"]
VARIANTS: tuple[Variant, ...] = ("generated", "pretrained", "exact")
"""What greedy policies are measured beside the one that is served."""


class Product:
    """The product with one kind of generator, or with none.

    Args:
        setting: what is known beforehand.
        kind: gan or vae.
        with_generator: False: Thompson designs alone.
        is_tuned: False: the generator stays as it was pre-trained.
    """

    def __init__(
        self,
        setting: Setting,
        kind: str,
        *,
        with_generator: bool = True,
        is_tuned: bool = True,
    ) -> None:
        self._space, self._seed = setting.space, setting.seed
        self._is_tuned = with_generator and is_tuned
        who = taste.fit(setting.people, setting.seed)
        self._model, _ = pretrain.pretrained(
            kind, self._space, setting.seed, who, setting.library
        )
        share = 0.375 if with_generator else 1.0
        self._picker = Picker(CreativesSettings(thompson_share=share), self._space)
        self._generated = Picker(CreativesSettings(thompson_share=0.0), self._space)
        self._n_seeds = 0
        self._propensity = np.zeros(0)
        self._jobs = 0
        self._load()

    def choose(self, condition: Floats) -> Floats:
        """Return what the product would show."""
        arm = Arm("champion", self._served)
        shown, propensity = [], []
        for start in range(0, len(condition), _ROWS):
            rows = condition[start : start + _ROWS]
            seeds = seeds_of(self._seeds(len(rows)))
            briefs = Briefs.about([_NOBODYS] * len(rows))
            picks = self._picker.pick([arm] * len(rows), rows, briefs, seeds)
            shown.append(self._vectors(picks.columns.T, picks.continuous))
            propensity.append(picks.propensity)
        self._propensity = np.concatenate(propensity)
        return np.concatenate(shown)

    def greedy(self, condition: Floats, variant: Variant = "served") -> Floats:
        """Return the designs that the critic thinks best.

        Args:
            condition: float32[n, 71].
            variant: of the pool as it is served, of 16 designs of the generator or of
                the generator as it was pre-trained, or the critic's exact maximum.
        """
        picker = self._picker if variant == "served" else self._generated
        served = self._untuned() if variant == "pretrained" else self._served
        parts = []
        for start in range(0, len(condition), _ROWS):
            rows = condition[start : start + _ROWS]
            briefs = Briefs.about([_NOBODYS] * len(rows))
            group = ArmRequests(rows, briefs, seeds_of(self._seeds(len(rows))))
            if variant == "exact":
                worth, _ = self._served.worth(self._served.person(rows))
                columns, continuous = best_designs(self._served.layout, worth.mean(2))
            else:
                pools, scores = picker.pools(served, group)
                value = click_probability(scores if scores is not None else np.zeros(0))
                best = np.where(pools.is_legal, value, -1.0).argmax(1)
                every = np.arange(len(rows))
                columns = pools.candidates.chosen[:, every, best]
                continuous = pools.candidates.continuous[every, best]
            parts.append(self._vectors(columns, continuous))
        return np.concatenate(parts)

    def predicted(self, condition: Floats, design: Floats) -> Floats:
        """Return the click probabilities that the critic gives served designs: [n]."""
        looks = self._served.layout.looks(design)
        parts = []
        for start in range(0, len(condition), _ROWS):
            part = slice(start, start + _ROWS)
            worth, base = self._served.worth(self._served.person(condition[part]))
            logits = (looks[part, :, None] * worth).sum(1) + base
            parts.append(click_probability(logits))
        return np.concatenate(parts).astype(np.float32)

    def learn(self, batch: Batch) -> None:
        """Run a fine-tune job on the batch, late clicks as corrections."""
        n = len(batch.clicked)
        propensity = np.full(n, np.nan)  # those of corrections are not kept
        propensity[: len(self._propensity)] = self._propensity[:n]
        names = [str(number) for number in batch.number.tolist()]
        feedback = FeedbackArrays(
            design=batch.design,
            condition=batch.condition,
            clicked=batch.clicked,
            propensity=propensity,
            control=np.full(n, not self._propensity.size),  # a log's, if not chosen
            users=tuple(f"person-{name}" for name in names),
            categories=(None,) * n,
            shown_at=batch.shown_at,
            decided_at=batch.decided_at,
            skipped={},
            key=keys_of(names),
        )
        self._jobs += 1
        if self._is_tuned:
            seed = self._seed * 1_000 + self._jobs
            self._model, _ = tuned(self._model, feedback, seed)
        else:
            self._model = self._model.taught(feedback)
        self._load()

    @property
    def set_aside(self) -> list[int]:
        """Return the one-hot columns that teach nothing: the poison alarm's."""
        columns: list[int] = self._model.critic_state.suspects.columns().tolist()
        return columns

    def _load(self) -> None:
        self._served = self._loaded(self._model)

    def _untuned(self) -> OnnxModel:
        """Return the model with its generator as it was pre-trained, same critic."""
        networks = self._model.trained
        before = replace(networks, generator=networks.anchor)
        return self._loaded(replace(self._model, networks=before))

    def _loaded(self, model: Model) -> OnnxModel:
        card = {"opset": OPSET, "space_sha256": self._space.digest}
        files = {**export(model), CARD: json.dumps(card).encode()}
        return OnnxModel("creative", self._jobs, "", files)

    def _seeds(self, n: int) -> list[int]:
        self._n_seeds += n
        base = self._seed * 2**40 + self._n_seeds
        return list(range(base, base + n))

    def _vectors(self, columns: NDArray[np.intp], continuous: Floats) -> Floats:
        return self._space.encode(self._space.designs(columns, continuous))
