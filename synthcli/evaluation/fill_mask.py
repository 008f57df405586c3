"""Fill in what is hidden: the most probable tokens of each mask of a masked language model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from synthcli.model import MaskedLM


@dataclass(frozen=True)
class Guess:
    """A token for a mask, and its probability."""

    token: int
    probability: float


@torch.inference_mode()
def guesses(
    model: MaskedLM, tokens: Tensor, mask: int, banned: tuple[int, ...], count: int
) -> list[list[Guess]]:
    """Return the `count` best tokens of each mask of one text (length,), the best first."""
    device = next(model.parameters()).device
    logits: Tensor = model(tokens[None].to(device), select=(tokens == mask)[None].to(device))
    scores = logits.float().cpu()
    scores[:, list(banned)] = -torch.inf
    shares, words = scores.softmax(dim=1).topk(min(count, scores.shape[1]), dim=1)
    rows = zip(words.tolist(), shares.tolist(), strict=True)
    return [[Guess(w, p) for w, p in zip(*row, strict=True)] for row in rows]
