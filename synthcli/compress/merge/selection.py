"""Greedy forward selection by ridge gain: which of many features explain a target together.

With R = G + λI over the features not yet chosen, what the chosen ones explain taken out, group g explains

    gain(g) = tr(C_gᵀ R_gg⁻¹ C_g)

more of ‖Y‖². The largest is chosen, and taken out of all others by one block of a Cholesky factor.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.errors import WorkFailedError


def select_groups(
    gram: Float[Tensor, "features features"],
    cross: Float[Tensor, "features outputs"],
    size: int,
    count: int,
    strength: float,
) -> list[int]:
    """Return `count` groups of `size` neighbouring features, in the order they were chosen.

    `strength` is λ over the mean of the diagonal of `gram`, which is centred.
    """
    features, groups = len(gram), len(gram) // size
    ridge = strength * float(gram.diagonal().mean())
    regular = gram + ridge * torch.eye(features, dtype=gram.dtype)
    own = torch.stack([regular[g : g + size, g : g + size] for g in range(0, features, size)])
    left = cross.clone()
    factor = gram.new_zeros(features, count * size)
    chosen: list[int] = []
    for step in range(min(count, groups)):
        best = int(_group_gains(own, left, chosen).argmax())
        rows, done = slice(best * size, (best + 1) * size), step * size
        column = regular[:, rows] - factor[:, :done] @ factor[rows, :done].T
        root, failed = torch.linalg.cholesky_ex(column[rows])
        if failed:
            message = "the text says too little of the heads and neurons to choose among them"
            raise WorkFailedError(message, "learn from more of it, `--limit`, or use `--init copy-last`")
        new = torch.linalg.solve_triangular(root, column.T, upper=False).T  # (features, size)
        left -= new @ torch.linalg.solve_triangular(root, left[rows].clone(), upper=False)
        by_group = new.view(groups, size, size)
        own -= by_group @ by_group.transpose(1, 2)
        factor[:, done : done + size] = new
        chosen.append(best)
    return chosen


def _group_gains(own: Tensor, left: Tensor, chosen: list[int]) -> Tensor:
    """Return the gain of every group; those that are chosen have none left to give."""
    groups, size, _ = own.shape
    if size == 1:
        gains = left.square().sum(-1) / own[:, 0, 0].clamp_min(torch.finfo(own.dtype).tiny)
    else:
        blocks = left.view(groups, size, -1)
        own = own.clone()
        own[chosen] = torch.eye(size, dtype=own.dtype)  # singular: nothing of them is left
        gains = (blocks * torch.linalg.solve(own, blocks)).sum((1, 2))
    gains[chosen] = -torch.inf
    if not gains.isfinite().any() or gains.isnan().any():
        raise WorkFailedError("the features of the layers are not finite", "take another checkpoint")
    return gains
