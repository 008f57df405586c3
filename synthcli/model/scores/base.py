"""What a score function is: it fills S in `softmax(S) V`."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from synthcli.model_config.scores import ScoreBase


@dataclass(frozen=True)
class ScoreShape:
    """Sizes a score function is built for; `max_queries` and `max_keys` bound its tables.

    Scores that compare queries with keys are asked by `rotary` to turn both by their positions, and by
    `alibi` to fall with the distance.
    """

    d_model: int
    heads: int
    d_head: int
    max_queries: int
    max_keys: int
    rotary: bool = False
    alibi: bool = False


class ScoreFunction(nn.Module):
    """Logits of attention before masks and softmax.

    A subclass is built as `Score(config, shape)` and defines
    `forward(x, keys, start, num_keys)`: `x` (batch, queries, d_model) are the positions that ask,
    `start` is the position of `x[:, 0]`, `num_keys` counts the keys present. The result is
    (batch, heads, queries, keys), or (heads, queries, keys) where `is_shared_by_batch`.
    """

    reads_queries: ClassVar[bool] = True
    reads_keys: ClassVar[bool] = False
    is_shared_by_batch: ClassVar[bool] = False

    def __init__(self, config: ScoreBase, shape: ScoreShape) -> None:
        super().__init__()

    def initialise_parameters(self) -> None:
        """Draw the parameters that are not in submodules; none by default."""

    def project_keys(self, source: Tensor, start: int = 0) -> Tensor | None:
        """Return what this score needs of every key, kept while decoding; None if it reads none.

        `start` is the position of `source[:, 0]`.
        """
        return None


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, length, heads · d_head) → (batch, heads, length, d_head)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(batch, heads, length, d_head) → (batch, length, heads · d_head)."""
    return x.transpose(1, 2).flatten(2)


def grouped_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply to each group its own affine map: (groups, n, in) → (groups, n, out).

    `weight` (groups, out, in), `bias` (groups, out).
    """
    y = torch.bmm(x, weight.mT)
    return y + bias[:, None].to(y.dtype)
