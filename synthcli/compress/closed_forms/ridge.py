"""Ridge regression from moments: min Σ‖y − W x − b‖² + λ‖W − W₀‖², b free  (Hoerl and Kennard 1970).

With W₀ the weights that were there before, what the data says nothing of stays as it is.
"""

import torch
from torch import Tensor

from synthcli.compress.moments import Moments


def ridge(moments: Moments, strength: float, prior: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return W (d_y, d_x) and b (d_y) in float64; λ is `strength` times the mean variance of an input."""
    covariance = moments.covariance
    solid = covariance + penalty(covariance, strength) * torch.eye(len(covariance), dtype=torch.float64)
    start = torch.zeros_like(moments.cross.mT) if prior is None else prior.double()
    change = torch.linalg.solve(solid, moments.cross - covariance @ start.mT).mT
    weight = start + change
    return weight, moments.mean_y - weight @ moments.mean_x


def penalty(covariance: Tensor, strength: float) -> float:
    """Return λ in the units of a covariance; where no input varies it is `strength` itself."""
    return strength * (float(covariance.diagonal().mean()) or 1.0)
