"""Relative positions: S_ij = ((q_i + u) · k_j + (q_i + v) · W_R r_{i−j}) / √d_head  (Dai et al. 2019,
arXiv 1901.02860, section 3.3).

r_d are the sines and cosines of the distance d; u and v are one vector a head.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.parameters import without_decay
from synthcli.model.scores.base import ScoreFunction, ScoreShape, split_heads
from synthcli.model_config.scores import RelativeConfig

LONGEST_WAVE = 10_000.0
START_STD = 0.02  # of u and v, as in the authors' code


class Relative(ScoreFunction):
    """No position is absolute: a text that stands elsewhere has the same scores."""

    reads_keys = True

    def __init__(self, config: RelativeConfig, shape: ScoreShape) -> None:
        super().__init__(config, shape)
        self.config, self.heads, self.d_model = config, shape.heads, shape.d_model
        self.scale: float = shape.d_head**-0.5
        width = shape.heads * shape.d_head
        self.query = nn.Linear(shape.d_model, width, config.bias)
        self.key = nn.Linear(shape.d_model, width, config.bias)
        self.distance = nn.Linear(shape.d_model, width, bias=False)  # W_R
        self.u = without_decay(nn.Parameter(torch.empty(shape.heads, 1, shape.d_head)))
        self.v = without_decay(nn.Parameter(torch.empty(shape.heads, 1, shape.d_head)))

    def initialise_parameters(self) -> None:
        nn.init.normal_(self.u, std=START_STD)
        nn.init.normal_(self.v, std=START_STD)

    def project_keys(self, source: Tensor, start: int = 0) -> Tensor:
        return split_heads(self.key(source), self.heads)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        assert keys is not None
        query, queries = split_heads(self.query(x), self.heads), x.shape[1]
        by_key = (query + self.u.to(query.dtype)) @ keys.mT
        # from the last query's first key down to the first query's last key
        distances = torch.arange(start + queries - 1, start - num_keys, -1, device=x.device)
        r = split_heads(self.distance(self._waves(distances, x)[None]), self.heads)
        by_distance = (query + self.v.to(query.dtype)) @ r.mT
        return (by_key + shift_rows(by_distance, num_keys)) * self.scale

    def _waves(self, distances: Tensor, like: Tensor) -> Float[Tensor, "distances d_model"]:
        """Return r_d = (sin, cos) of d / 10000^{2i/d_model}; in evaluation no distance is beyond `clamp`."""
        if self.config.clamp is not None and not self.training:
            distances = distances.clamp(-self.config.clamp, self.config.clamp)
        wide = torch.promote_types(like.dtype, torch.float32)
        steps = torch.arange(0, self.d_model, 2, dtype=wide, device=like.device)
        angles = distances[:, None] * LONGEST_WAVE ** (-steps / self.d_model)
        return torch.cat((angles.sin(), angles.cos()), dim=-1)[:, : self.d_model].to(like.dtype)


def shift_rows(
    x: Float[Tensor, "batch heads queries distances"], keys: int
) -> Float[Tensor, "batch heads queries keys"]:
    """Return y_ij = x_{i, queries − 1 − i + j}: the column of distance i − j, where columns fall by 1.

    Rows that are made longer by one, and read in their old length from place `queries` on, begin each one
    column further to the left than the row before.
    """
    batch, heads, queries, distances = x.shape
    longer = F.pad(x, (1, 0)).view(batch, heads, distances + 1, queries)
    return longer[:, :, 1:].reshape(batch, heads, queries, distances)[..., :keys]
