"""Spaces and pre-trained models that the generator tests share."""

from pathlib import Path

import numpy as np
import pytest

from model_export.space import design_space

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

NUMBERS = "\n".join(
    ['name = "numbers"', "[continuous]", *(f"x{i} = [-1, 1]" for i in range(10))]
)
"""The classic ten-dimensional case: no categories at all."""


@pytest.fixture(scope="session")
def display():
    """Return the bundled creative space."""
    return design_space.load()


@pytest.fixture(scope="session")
def travel():
    """Return the example space of ten attributes."""
    return design_space.load(EXAMPLES / "travel_space.toml")


@pytest.fixture(scope="session")
def numbers():
    """Return a space of ten continuous attributes."""
    return design_space.DesignSpace(NUMBERS)


@pytest.fixture(scope="session")
def models(travel):
    """Return the GAN and the VAE, taught the travel library, by kind.

    Their taste model is fitted already, so that tuning them does not teach the library
    a second time.
    """
    torch = pytest.importorskip("torch", reason="training: extra [train] is missing")
    from model_export.critic import taste  # noqa: PLC0415
    from model_export.jobs import pretrain  # noqa: PLC0415
    from model_export.space import conditioning  # noqa: PLC0415

    torch.set_num_threads(1)
    people = conditioning.random_people(2_000, np.random.default_rng(5))
    fitted = taste.fit(people, 0)
    return {
        kind: pretrain.pretrained(kind, travel, 0, fitted)[0] for kind in ("gan", "vae")
    }
