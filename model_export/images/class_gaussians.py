"""Codes of encoded photographs -> one Gaussian a class, inside the generator.

A decoder is taught on the codes of photographs, and these do not fill N(0, I). So after
the training the codes' own density is fitted and sampled (Ghosh et al. 2020, "From
Variational to Deterministic Autoencoders", section 4.1, ex-post density estimation), by
class (Mariani et al. 2018, "BAGAN: Data Augmentation with Balancing GAN", section 3).
The map from z ~ N(0, I) to a code is part of the exported network: callers still hand
in plain noise.
"""

from typing import Final

import torch
from torch import Tensor, nn

N_SHARED: Final = 100
"""Photographs' worth of the covariance that all classes share: a class of a hundred
photographs cannot tell the covariance of a hundred numbers by itself."""
_RIDGE: Final = 1e-5


class ClassGaussians(nn.Module):
    """z [B, L] and category [B] -> code [B, L] = mean + root z, by class.

    The identity, until it is fitted.
    """

    mean: Tensor
    root: Tensor

    def __init__(self, n_categories: int, length: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_categories, length))
        self.register_buffer("root", torch.eye(length).repeat(n_categories, 1, 1))

    def forward(self, z: Tensor, category: Tensor) -> Tensor:
        """Return codes of a class."""
        turned = torch.matmul(self.root[category], z.unsqueeze(2)).squeeze(2)
        return self.mean[category] + turned

    @torch.no_grad()
    def fit(self, means: Tensor, variances: Tensor, category: Tensor) -> None:
        """Fit to the posteriors of photographs, all of them of one weight.

        Args:
            means: of q(z | x), [n, L].
            variances: of q(z | x), [n, L].
            category: [n]; a class without photographs keeps what it had.
        """
        present = sorted(set(category.tolist()))
        for number in present:
            self.mean[number] = means[category == number].mean(0)
        apart = means - self.mean[category]
        shared = apart.T @ apart / len(apart)  # (L, L)
        for number in present:
            rows = category == number
            own = apart[rows].T @ apart[rows]
            covariance = (own + N_SHARED * shared) / (int(rows.sum()) + N_SHARED)
            spread = variances[rows].mean(0) + _RIDGE
            self.root[number] = torch.linalg.cholesky(covariance + spread.diag())
