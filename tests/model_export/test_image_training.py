"""The parts that both image recipes are made of."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from model_export.images.adversary import (  # noqa: E402
    OBJECTIVES,
    R1_EVERY,
    Adversary,
    augmented,
)
from model_export.images.autoencoder import pyramid_distance  # noqa: E402
from model_export.images.dataset import drawn_sample  # noqa: E402
from model_export.images.networks import (  # noqa: E402
    ClassGaussians,
    ImageGenerator,
)
from model_export.images.training import WeightAverage  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded_on_one_thread():
    """Two threads fighting over a busy core are slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def test_codes_are_the_noise_itself_until_they_are_fitted():
    z, category = torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])
    assert torch.equal(ClassGaussians(3, 4)(z, category), z)


def test_fitted_codes_have_the_mean_and_spread_of_each_class():
    mix = torch.randn(4, 4)
    centres = torch.tensor([[5.0, 0, 0, 0], [0, -5.0, 0, 0], [0, 0, 0, 0]])
    category = torch.arange(6_000) % 2
    means = centres[category] + torch.randn(6_000, 4) @ mix
    codes = ClassGaussians(3, 4)
    codes.fit(means, torch.full((6_000, 4), 0.25), category)
    drawn = codes(torch.randn(20_000, 4), torch.ones(20_000, dtype=torch.long))
    assert torch.allclose(drawn.mean(0), centres[1], atol=0.2)
    wanted = mix.T @ mix + 0.25 * torch.eye(4)
    assert torch.allclose(torch.cov(drawn.T), wanted, atol=0.1 * float(wanted.max()))
    never = torch.randn(5, 4)
    assert torch.equal(codes(never, torch.full((5,), 2)), never)


def test_a_class_of_one_photograph_borrows_the_spread_of_the_others():
    category = torch.tensor([0] * 500 + [1])
    codes = ClassGaussians(2, 4)
    codes.fit(torch.randn(501, 4), torch.zeros(501, 4), category)
    drawn = codes(torch.randn(5_000, 4), torch.ones(5_000, dtype=torch.long))
    assert torch.allclose(drawn.std(0), torch.ones(4), atol=0.1)


def test_augmented_pictures_differ_one_by_one_and_pass_their_gradient_back():
    picture = torch.randn(1, 3, 64, 64).clamp(-1, 1).requires_grad_()
    found = augmented(picture.expand(8, -1, -1, -1))
    assert found.shape == (8, 3, 64, 64)
    assert len({float(one.sum()) for one in found.detach()}) == 8
    (gradient,) = torch.autograd.grad(found.sum(), picture)
    assert float(gradient.abs().sum()) > 0


@pytest.mark.parametrize("side", [28, 64])
def test_the_pyramid_forgives_a_moved_edge_more_than_a_missing_one(side):
    stripes = torch.ones(1, 1, side, side)
    stripes[..., ::2] = -1
    broad = torch.ones(1, 1, side, side)
    broad[..., side // 2 :] = -1
    assert float(pyramid_distance(broad, broad)) == 0
    moved = float(pyramid_distance(broad.roll(1, 3), broad))
    missing = float(pyramid_distance(torch.zeros_like(broad), broad))
    assert 0 < moved < 0.5 * missing
    assert float(pyramid_distance(torch.zeros_like(stripes), stripes)) > 0.9


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_discriminator_learns_to_tell_photographs_from_noise(objective):
    photographs = drawn_sample(28, 8)
    adversary = Adversary(photographs, 1e-3, objective)
    real = torch.from_numpy(photographs.floats()[:80:8])
    category = torch.from_numpy(photographs.categories[:80:8])
    fake = torch.rand_like(real) * 2 - 1
    losses = [
        float(adversary.learn(real, fake, category).detach())
        for _ in range(R1_EVERY + 4)
    ]
    # Each penalty, the sixteenth step, throws it back for a few steps.
    assert np.median(losses) < losses[0] - 0.3
    assert float(adversary.answer(fake, category)) > float(
        adversary.answer(real, category)
    )


def test_the_average_follows_the_generator_and_is_not_moved_by_it():
    generator = ImageGenerator(28, 2)
    average = WeightAverage(generator)
    with torch.no_grad():
        generator.first.bias.fill_(1.0)
    before = average.generator.first.bias.clone()
    for _ in range(50):
        average.follow(generator)
    after = average.generator.first.bias
    assert float((after - 1).abs().max().detach()) < 0.1
    assert float((before - 1).abs().min().detach()) > 0.5
    assert not average.generator.training
