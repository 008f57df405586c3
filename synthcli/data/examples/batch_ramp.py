"""Batches that grow linearly  (Geiping and Goldstein 2022, section 4.3).

size_t = from + (size − from) · min(1, t / (until · steps)),  rounded, for t = 0, 1, ...
"""

import numpy as np

from synthcli.data.config import BatchConfig
from synthcli.data.store.ragged import Indices
from synthcli.errors import SynthError


def starts_of(config: BatchConfig, steps: int | None) -> Indices:
    """Return how many rows are read before each step, and before the one after the last."""
    if config.ramp is None or config.size is None or steps is None:
        raise SynthError(
            "`data.batch.ramp` needs `training.steps`: it lasts a fraction of them",
            "set `training.steps`, and leave `training.epochs` out",
        )
    done = np.minimum(1.0, np.arange(steps) / (config.ramp.until * steps))
    sizes = np.rint(config.ramp.first + (config.size - config.ramp.first) * done).astype(np.int64)
    return np.concatenate([[0], np.cumsum(sizes)])
