"""Library, then feedback -> conditional GAN; its generator is exported.

Non-saturating loss with the R1 penalty. Designs are discrete, so the generator's
samples are straight-through Gumbel-softmax ones.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.generators import losses
from model_export.generators.networks import Discriminator, Generator, gumbel
from model_export.generators.recipe import (
    BATCH,
    Adam,
    Examples,
    Networks,
    TuningSet,
    batches,
    seeded,
)
from model_export.space.design_space import DesignSpace
from model_export.store.model_files import LATENT

RATE = 1e-3
BETAS = (0.0, 0.9)
"""Gulrajani et al. 2017, algorithm 1."""

R1_WEIGHT = 0.3
R1_EVERY = 4
"""Lazy regularisation (Karras et al. 2020, "StyleGAN2", section 3.1)."""

TEMPERATURE = 0.7
"""Of the softmax whose gradient the one-hot samples borrow."""

INSTANCE_NOISE = 0.1
"""Deviation of continuous samples' noise: a generator's value has none of its own."""

PRETRAIN_STEPS = 600
TUNE_STEPS = 60
TUNE_BATCH = 256
CLICKED_SHARE = 0.8
SCORE_WEIGHT = 2.0
ENTROPY_WEIGHT = 0.05
DIVERSITY_WEIGHT = 10.0
DIVERSITY_FLOOR = 0.4
"""Below this the generator pays: a pool of one design starves the selector."""

SERVING_TEMPERATURE = 0.3
"""At which most of a pool is drawn."""


def build(space: DesignSpace, n_features: int) -> Networks:
    """Return an untrained generator and discriminator."""
    generator = Generator(space, n_features)
    partner = Discriminator(space, n_features)
    return Networks(generator, partner, copy.deepcopy(generator))


def pretrain(networks: Networks, library: Examples, seed: int) -> float:
    """Teach the library by the adversarial game; return the generator's last loss."""
    game = _Game(networks, seed)
    loss = 0.0
    for rows in batches(len(library.design), BATCH, PRETRAIN_STEPS, game.source):
        loss = game.play(library.design[rows], library.person[rows])
    networks.anchor.load_state_dict(networks.generator.state_dict())
    return loss


def tune(networks: Networks, tuning: TuningSet, seed: int) -> float:
    """Play on against clicked designs, and please the critic.

    Real designs are 80 % clicked ones, drawn by capped inverse propensity, and 20 %
    library; the generator also gains 2 x the critic's logit and 0.05 x entropy, and
    pays for pools that get too much alike.
    """
    game = _Game(networks, seed)
    loss = 0.0
    for rows in batches(len(tuning.people), TUNE_BATCH, TUNE_STEPS, game.source):
        people = tuning.people[rows]
        proposed, logits = game.designs(people)
        score = tuning.score(proposed, people).mean()
        entropy = losses.entropy(game.generator.log_probabilities(logits))
        missing = F.relu(DIVERSITY_FLOOR - _pool_diversity(game, logits, people))
        bonus = (
            SCORE_WEIGHT * score + ENTROPY_WEIGHT * entropy - DIVERSITY_WEIGHT * missing
        )
        loss = game.play(*_real(tuning, game.source), bonus)
    return loss


class _Game:
    """One move of the discriminator, then one of the generator."""

    def __init__(self, networks: Networks, seed: int) -> None:
        self.generator = networks.generator
        self.discriminator: nn.Module = networks.partner
        self.source = seeded(seed)
        self.n_rounds = 0
        self.generator_adam = Adam(self.generator.parameters(), RATE, BETAS)
        self.discriminator_adam = Adam(self.discriminator.parameters(), RATE, BETAS)

    def play(
        self, design: Tensor, person: Tensor, bonus: Tensor | float = 0.0
    ) -> float:
        """Play one round against real designs; return the generator's loss.

        Args:
            design: real designs [B, D].
            person: what they were made for, [B, N]; the fakes are too.
            bonus: scalar that the generator also maximises.
        """
        fake = self.noisy(self.designs(person)[0])
        self.discriminator_adam.minimise(
            self._discriminator_loss(design, fake.detach(), person)
        )
        fooled = losses.non_saturating_generator_loss(self.discriminator(fake, person))
        loss = fooled - bonus
        self.generator_adam.minimise(loss)
        self.n_rounds += 1
        return float(loss.detach())

    def designs(self, person: Tensor) -> tuple[Tensor, Tensor]:
        """Return sampled designs [B, D] and their logits [B, NV]."""
        z = torch.randn((len(person), LATENT), generator=self.source)
        logits, continuous = self.generator(z, person)
        noise = gumbel((len(logits), logits.shape[1]), self.source)
        designs = self.generator.straight_through(
            logits, continuous, TEMPERATURE, noise
        )
        return designs, logits

    def noisy(self, design: Tensor) -> Tensor:
        """Return designs with noise on their continuous columns."""
        noise = torch.zeros_like(design)
        n_logits = self.generator.n_logits
        shape = (len(design), design.shape[1] - n_logits)
        noise[:, n_logits:] = torch.randn(shape, generator=self.source)
        return design + INSTANCE_NOISE * noise

    def _discriminator_loss(
        self, design: Tensor, fake: Tensor, person: Tensor
    ) -> Tensor:
        penalised = self.n_rounds % R1_EVERY == 0
        real = self.noisy(design).requires_grad_(penalised)
        real_logits = self.discriminator(real, person)
        fake_logits = self.discriminator(fake, person)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        if penalised:
            loss = loss + R1_EVERY * R1_WEIGHT * losses.r1_penalty(real_logits, real)
        return loss


def _pool_diversity(game: _Game, logits: Tensor, people: Tensor) -> Tensor:
    """Return the chance that two designs of one pool differ in an attribute.

    Two latents for the same person, both at serving temperature; 1 for a space without
    categorical attributes, which has none to collapse.
    """
    generator = game.generator
    if not generator.n_logits:
        return torch.ones(())
    _, others = game.designs(people)
    left, right = (
        generator.log_probabilities(one / SERVING_TEMPERATURE).exp()
        for one in (logits, others)
    )
    return 1.0 - (left * right).sum(1).mean() / generator.blocks.n_attributes


def _real(tuning: TuningSet, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a batch of real designs and the people they were made for."""
    n_clicked = round(CLICKED_SHARE * TUNE_BATCH) if len(tuning.clicked_weight) else 0
    library_rows = torch.randint(
        len(tuning.library.design), (TUNE_BATCH - n_clicked,), generator=source
    )
    parts = [(tuning.library, library_rows)]
    if n_clicked:
        rows = torch.multinomial(
            tuning.clicked_weight, n_clicked, replacement=True, generator=source
        )
        parts.append((tuning.clicked, rows))
    return (
        torch.cat([examples.design[rows] for examples, rows in parts]),
        torch.cat([examples.person[rows] for examples, rows in parts]),
    )
