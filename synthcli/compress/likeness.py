"""How near a model's words are to its teacher's on plain text: mean KL(p‖p̂) in nats, and how often the first
word is the same; of a classifier, its classes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthcli.compress.cache import batches_by_length
from synthcli.compress.calibration import Calibration
from synthcli.compress.capture import logits_of
from synthcli.evaluation.agreement import kl_divergence

TOKENS = 1024  # of a batch: logits are wide


@dataclass(frozen=True)
class Likeness:
    """`divergence` in nats and `agreement` as a share, over `positions`."""

    divergence: float
    agreement: float
    positions: int


@torch.no_grad()
def likeness(teacher: nn.Module, student: nn.Module, text: Calibration) -> Likeness:
    """Compare two models at every real position of a text."""
    divergence, same, count = 0.0, 0, 0
    for indices in batches_by_length(text.lengths, TOKENS):
        batch = text.batch(indices)
        aim, said = (real(logits_of(model, batch), batch["padding"]) for model in (teacher, student))
        divergence += float(kl_divergence(aim, said).double().sum())
        same += int((aim.argmax(-1) == said.argmax(-1)).sum())
        count += len(aim)
    return Likeness(divergence / count, same / count, count)


def real(logits: Tensor, padding: Tensor | None) -> Tensor:
    """Return a row for every real position, or sequence."""
    if logits.dim() == 2:
        return logits
    return logits.flatten(0, 1) if padding is None else logits[~padding]
