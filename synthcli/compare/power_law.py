"""Loss over compute: log L = a − b log C, by least squares  (Kaplan et al. 2020, section 1.2).

Fits take many draws of losses at once: all arrays of a law have a value a draw.
"""

from dataclasses import dataclass

import numpy as np

from synthcli.evaluation.sampled import Array

PARAMETERS = 2


@dataclass(frozen=True)
class PowerLaw:
    """log L = `intercept` − `exponent` · log C; C in FLOPs, L in whatever was fitted."""

    intercept: Array
    exponent: Array

    def log_losses(self, log_compute: Array) -> Array:
        """Return log L (…, points) at log C (points)."""
        return self.intercept[..., None] - self.exponent[..., None] * log_compute

    def log_compute(self, log_loss: Array) -> Array:
        """Return the log C at which the law has this log L; infinite or nan where it is flat."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.intercept - log_loss) / self.exponent)


def fit_law(log_compute: Array, log_losses: Array) -> PowerLaw:
    """Return the law of least squares for log L (…, rungs) at log C (rungs)."""
    centred = log_compute - log_compute.mean()
    exponent = -(log_losses @ centred) / (centred @ centred)
    return PowerLaw(log_losses.mean(axis=-1) + exponent * log_compute.mean(), exponent)
