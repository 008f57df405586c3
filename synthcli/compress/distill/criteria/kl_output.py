"""The teacher's own predictions: Σ_t KL(p_t ‖ p̂_t), p̂ those with the student's layer in it.

Everything but the student is frozen. The divergence is in nats, at every real position: the original takes
one masked position, and the softmax twice. What a classifier says counts for each of the tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, real_rows
from synthcli.errors import SynthError
from synthcli.model.context import Context


def kl_output(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion; the student is a whole layer, y the teacher's stream after it."""
    rest = given.rest
    assert rest is not None, "kl-output needs the rest of the teacher"
    config = getattr(given.model, "config", None)
    if config is not None and not config.has_head:
        message = "`--criterion kl-output` compares what models predict, and the teacher came without a head"
        raise SynthError(message, "use `--criterion mse` or `cosine`, which compare hidden states")

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        with torch.no_grad():
            target = rest(y, context)
        prediction = rest(student(x, context)[0], context)
        return sum_divergence(target, prediction, y.shape[1], context)

    return Criterion("kl-output", loss, of_layer=True, fixed=() if given.model is None else (given.model,))


def sum_divergence(target: Tensor, prediction: Tensor, length: int, context: Context) -> Tensor:
    """Return the divergence summed over real tokens, of (batch, length, tokens) or (batch, classes)."""
    if target.dim() == 2:
        target, prediction = (logits[:, None].expand(-1, length, -1) for logits in (target, prediction))
    p, q = (F.log_softmax(real_rows(logits, context), dim=-1) for logits in (target, prediction))
    return (p.exp() * (p - q)).sum()
