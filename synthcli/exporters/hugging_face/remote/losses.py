"""Losses as transformers' Trainer counts them."""

import torch.nn.functional as F
from torch import Tensor


def token_loss(logits: Tensor, labels: Tensor, count: Tensor | int | None = None) -> Tensor:
    """Return the mean cross-entropy of labels that are not −100, or its sum divided by `count`.

    `count` is that of a whole batch, of which the gradients of several calls are added up.
    """
    logits, labels = logits.flatten(0, -2).float(), labels.flatten().to(logits.device)
    if count is None:
        return F.cross_entropy(logits, labels)
    total = F.cross_entropy(logits, labels, reduction="sum")
    return total / (count.to(total.device) if isinstance(count, Tensor) else count)
