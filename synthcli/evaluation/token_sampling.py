"""Which token comes next: the most probable, or one drawn.

Drawing: p ∝ exp(logit / temperature), over the `top_k` most probable tokens, of these over the fewest whose
probabilities reach `top_p` (Fan et al. 2018; Holtzman et al. 2020, section 3.1). A row draws from a generator
of its own, so that what is written does not depend on what is written beside it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.errors import SynthError, WorkFailedError


@dataclass(frozen=True)
class Sampling:
    """How to draw; `temperature = 0` is greedy. None leaves every token in."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def generator(self, number: int) -> torch.Generator:
        """Return the generator of one prompt, by its number."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + number) % 2**63)


GREEDY = Sampling()


def next_tokens(
    logits: Float[Tensor, "rows vocabulary"],
    banned: tuple[int, ...],
    sampling: Sampling,
    generators: list[torch.Generator],
) -> Tensor:
    """Return a token for each row; `generators` are those of the rows."""
    scores = logits.float().cpu().clone()
    scores[:, list(banned)] = -torch.inf
    if not scores.amax(dim=1).isfinite().all():
        raise WorkFailedError("the model computes no finite numbers", "take an earlier checkpoint")
    if sampling.temperature == 0:
        return scores.argmax(dim=1)
    kept = nucleus(top(scores / sampling.temperature, sampling.top_k), sampling.top_p)
    shares = kept.softmax(dim=1)
    drawn = [torch.multinomial(row, 1, generator=g) for row, g in zip(shares, generators, strict=True)]
    return torch.cat(drawn)


def top(scores: Tensor, count: int | None) -> Tensor:
    """Leave the `count` largest scores of a row."""
    if count is None or count >= scores.shape[1]:
        return scores
    best, places = scores.topk(count, dim=1)
    return torch.full_like(scores, -torch.inf).scatter(1, places, best)


def nucleus(scores: Tensor, share: float | None) -> Tensor:
    """Leave the fewest largest scores whose probabilities reach `share`; one at least."""
    if share is None:
        return scores
    ordered, places = scores.sort(dim=1, descending=True, stable=True)
    shares = ordered.softmax(dim=1)
    before = shares.cumsum(dim=1) - shares
    ordered = ordered.masked_fill(before >= share, -torch.inf)
    return torch.empty_like(scores).scatter(1, places, ordered)


def refuse_bad_sampling(sampling: Sampling) -> None:
    """Refuse what means nothing."""
    if not math.isfinite(sampling.temperature):
        raise SynthError(
            f"`--temperature {sampling.temperature:g}` is no number to divide by", "give one such as 0.8"
        )
    if sampling.temperature < 0:
        raise SynthError(
            f"`--temperature {sampling.temperature:g}` is below 0", "0 is greedy, 1 the model's own"
        )
    if sampling.top_k is not None and sampling.top_k < 1:
        raise SynthError(f"`--top-k {sampling.top_k}` leaves no token", "give 1 or more")
    if sampling.top_p is not None and not 0 < sampling.top_p <= 1:
        raise SynthError(f"`--top-p {sampling.top_p:g}` is no share", "give one above 0, up to 1")
