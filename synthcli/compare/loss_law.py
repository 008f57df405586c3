"""Loss over compute: log L = a − b x − c x², by least squares, x being log C from the middle of the rungs.

With c = 0 it is the power law of Kaplan et al. (2020, section 1.2). Short trainings and small models bend
away from it, down or up (Hestness et al. 2017; Caballero et al. 2022): c says how far, in the range that
was run.

Fits take many draws of losses at once: coefficients have a row a draw.
"""

from dataclasses import dataclass

import numpy as np

from synthcli.evaluation.bootstrap import Array

STRAIGHT, BENT = 1, 2  # degrees: parameters less one


@dataclass(frozen=True)
class LossLaw:
    """Coefficients (…, degree + 1) of the powers of log C − `centre`; C in FLOPs."""

    centre: float
    coefficients: Array

    def log_losses(self, log_compute: Array) -> Array:
        """Return log L (…, points) at log C (points)."""
        return self.coefficients @ self._powers(log_compute).T

    def log_compute(self, log_loss: Array) -> Array:
        """Return the log C at which a falling law has a loss: ∞ where it is always worse, −∞ where better.

        A law that rises in the middle of the rungs counts by what it is there.
        """
        level, slope = self.coefficients[..., 0] - log_loss, self.coefficients[..., 1]
        bend = self.coefficients[..., 2] if self.coefficients.shape[-1] > BENT else np.zeros_like(slope)
        root = slope**2 - 4 * bend * level
        with np.errstate(invalid="ignore", divide="ignore"):
            found = 2 * level / (np.sqrt(root) - slope)
        found = np.where(root < 0, np.copysign(np.inf, bend), found)
        return self.centre + np.where(slope < 0, found, np.copysign(np.inf, level))

    def exponents(self, log_compute: Array) -> Array:
        """Return −d log L / d log C (…, points): b everywhere where nothing bends."""
        orders = np.arange(1, self.coefficients.shape[-1])
        return -(self.coefficients[..., 1:] * orders) @ self._powers(log_compute)[:, :-1].T

    def _powers(self, log_compute: Array) -> Array:
        return np.vander(log_compute - self.centre, self.coefficients.shape[-1], increasing=True)


def fit_law(log_compute: Array, log_losses: Array, degree: int = STRAIGHT) -> LossLaw:
    """Return the law of least squares for log L (…, rungs) at log C (rungs)."""
    centre = float(log_compute.mean())
    powers = np.vander(log_compute - centre, degree + 1, increasing=True)
    return LossLaw(centre, log_losses @ np.linalg.pinv(powers).T)
