"""Ridge regression from moments: min Σ‖y − W x − b‖² + λ‖W − W₀‖², b free  (Hoerl and Kennard 1970).

With W₀ the weights that were there before, what the data says nothing of stays as it is.
"""

import torch
from torch import Tensor

from synthcli.compress.activations.moments import Moments, SplitMoments

STRENGTHS = (1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)  # to choose from


def ridge(moments: Moments, strength: float, prior: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return W (d_y, d_x) and b (d_y) in float64; λ is `strength` times the mean variance of an input."""
    covariance = moments.covariance
    solid = covariance + penalty(covariance, strength) * torch.eye(len(covariance), dtype=torch.float64)
    start = torch.zeros_like(moments.cross.mT) if prior is None else prior.double()
    change = torch.linalg.solve(solid, moments.cross - covariance @ start.mT).mT
    weight = start + change
    return weight, moments.mean_y - weight @ moments.mean_x


def fit_ridge(
    parts: SplitMoments, strength: float | None, prior: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return W and b of ridge on a whole text.

    Without a strength, it and whether to lean on the prior at all are what learns best from one part of the
    text for the other: a text of a few thousand tokens says too little to be believed in every direction.
    """
    if strength is not None:
        return ridge(parts.whole, strength, prior)
    priors = [None] if prior is None else [prior, None]
    errors = {
        (place, share): parts.check.error(*ridge(parts.learn, share, one))
        for place, one in enumerate(priors)
        for share in STRENGTHS
    }
    place, share = min(errors, key=errors.__getitem__)
    return ridge(parts.whole, share, priors[place])


def penalty(covariance: Tensor, strength: float) -> float:
    """Return λ in the units of a covariance; where no input varies it is `strength` itself."""
    return strength * (float(covariance.diagonal().mean()) or 1.0)
