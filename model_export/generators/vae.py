"""Library, then feedback -> conditional VAE; its decoder is the exported generator.

Pre-training maximises the evidence lower bound. Tuning maximises the click critic's
expected probability without leaving the library's decoder too far: the decoder
factorises over attributes, so the expectation over designs enters the critic's logit
exactly, without sampling.
"""

import copy

import torch
from torch import Tensor

from model_export.generators import losses
from model_export.generators.networks import Encoder, Generator
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

BETA = 0.5
"""Below 1, so that the latent carries the choice between templates."""

DEVIATION = 0.1
"""Of a continuous column around the decoder's value."""

PRETRAIN_STEPS = 600
TUNE_STEPS = 80
TUNE_BATCH = 256
REWARD_WEIGHT = 120.0
KL_WEIGHT = 0.05
"""At 0.3 its pools follow the critic half as far, at 0.01 they collapse."""


def build(space: DesignSpace, n_features: int) -> Networks:
    """Return an untrained encoder and decoder."""
    decoder = Generator(space, n_features)
    return Networks(decoder, Encoder(space, n_features), copy.deepcopy(decoder))


def pretrain(networks: Networks, library: Examples, seed: int) -> float:
    """Teach the library by the ELBO; return the last loss, nats."""
    decoder, encoder, source = networks.generator, networks.partner, seeded(seed)
    parameters = [*decoder.parameters(), *encoder.parameters()]
    optimiser = Adam(parameters, rate=2e-3)
    loss = torch.zeros(())
    for rows in batches(len(library.design), BATCH, PRETRAIN_STEPS, source):
        design, person = library.design[rows], library.person[rows]
        mean, log_variance = encoder(design, person)  # (B, 8) each
        noise = torch.randn(mean.shape, generator=source)
        z = mean + (0.5 * log_variance).exp() * noise
        logits, continuous = decoder(z, person)
        reconstruction = losses.design_reconstruction(
            decoder.log_probabilities(logits), continuous, design, DEVIATION
        )
        loss = losses.negative_elbo(reconstruction, mean, log_variance, BETA)
        optimiser.minimise(loss)
    networks.anchor.load_state_dict(decoder.state_dict())
    return float(loss.detach())


def tune(networks: Networks, tuning: TuningSet, seed: int) -> float:
    """Maximise 120 x expected click probability - 0.05 x KL to the first decoder."""
    decoder, source = networks.generator, seeded(seed)
    optimiser = Adam(decoder.parameters(), rate=2e-3)
    loss = torch.zeros(())
    for rows in batches(len(tuning.people), TUNE_BATCH, TUNE_STEPS, source):
        person = tuning.people[rows]
        z = torch.randn((len(rows), LATENT), generator=source)
        logits, continuous = decoder(z, person)
        log_probabilities = decoder.log_probabilities(logits)
        expected = torch.cat([log_probabilities.exp(), continuous], 1)  # (B, D)
        reward = torch.sigmoid(tuning.score(expected, person)).mean()
        distance = _distance(networks.anchor, z, person, log_probabilities, continuous)
        loss = KL_WEIGHT * distance - REWARD_WEIGHT * reward
        optimiser.minimise(loss)
    return float(loss.detach())


def _distance(
    anchor: Generator,
    z: Tensor,
    person: Tensor,
    log_probabilities: Tensor,
    continuous: Tensor,
) -> Tensor:
    """Return KL(decoder || library's decoder) at the same latents, nats."""
    with torch.no_grad():
        reference_logits, reference_continuous = anchor(z, person)
        reference = anchor.log_probabilities(reference_logits)
    return losses.design_kl(
        log_probabilities, continuous, reference, reference_continuous, DEVIATION
    )
