"""Random numbers as a function of (seed, step, rank): a checkpoint needs to hold no generator."""

import numpy as np
import torch


def seed_torch(seed: int, step: int = 0, rank: int = 0) -> None:
    """Seed every generator of torch for one step; step 0 is the model's initialisation."""
    (state,) = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(state))
