"""Relations of queries, of keys and of values  (Wang et al. 2021, MiniLMv2, arXiv 2012.15828, section 3.1).

    L = Σ_{A ∈ Q, K, V} Σ_t 1/R Σ_r KL(softmax(A_r A_rᵀ / √d_r)_t ‖ softmax(Â_r Â_rᵀ / √d̂_r)_t)

Vectors of all heads are put side by side and cut into R relation heads, so heads and widths may differ.
The output projection is no part of it and is fitted besides.
"""

from math import gcd

import torch
from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, refuse_other_mixers
from synthcli.compress.distill.criteria.maps import map_divergence
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention
from synthcli.model.scores.base import split_heads
from synthcli.model.scores.dot_product import DotProduct


def relation(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion; without a number, as many relation heads as fit both."""
    teacher = given.teacher
    refuse_other_mixers("relation", teacher, student)
    assert isinstance(teacher, Attention) and isinstance(student, Attention)
    for who, mixer in (("teacher", teacher), ("student", student)):
        refuse_no_dot_product(who, mixer)
    heads = given.relation_heads or common_heads(teacher, student)
    for who, mixer in (("teacher", teacher), ("student", student)):
        refuse_indivisible(who, mixer, heads)

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        assert isinstance(student, Attention)
        with torch.no_grad():
            targets = [relations_of(vectors, heads) for vectors in project_vectors(teacher, x)]
        ours = [relations_of(vectors, heads) for vectors in project_vectors(student, x)]
        pairs = zip(targets, ours, strict=True)
        return torch.stack([map_divergence(target, own, context) for target, own in pairs]).sum()

    return Criterion("relation", loss, fits_output=False, fixed=(teacher,))


def project_vectors(mixer: Attention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values of all heads side by side  (batch, length, heads · d_head)."""
    score = next(score for score in mixer.scores if isinstance(score, DotProduct))
    query, key = score.project_queries(x, 0), score.project_keys(x, 0)
    return (*(heads.transpose(1, 2).flatten(2) for heads in (query, key)), mixer.value(x))


def relations_of(vectors: Tensor, heads: int) -> Tensor:
    """Return A_r A_rᵀ / √d_r  (batch, relation heads, length, length)."""
    cut = split_heads(vectors, heads)
    return torch.einsum("brqd,brkd->brqk", cut * cut.shape[-1] ** -0.5, cut)


def width(mixer: Attention) -> int:
    return int(mixer.shape.heads * mixer.shape.d_head)


def common_heads(teacher: Attention, student: Attention) -> int:
    """Return the teacher's number of heads, or the next smaller that divides both widths."""
    common = gcd(width(teacher), width(student))
    return next(heads for heads in range(teacher.shape.heads, 0, -1) if common % heads == 0)


def refuse_no_dot_product(who: str, mixer: Attention) -> None:
    if not any(isinstance(score, DotProduct) for score in mixer.scores):
        kinds = ", ".join(f"`{score.kind}`" for score in mixer.config.scores)
        message = f"criterion `relation` relates queries and keys, and the {who}'s scores are {kinds}"
        raise SynthError(message, "use `--criterion mse`, which every mixer can be held to")


def refuse_indivisible(who: str, mixer: Attention, heads: int) -> None:
    if width(mixer) % heads:
        raise SynthError(
            f"{heads} relation heads do not divide the {width(mixer)} columns of the {who}",
            "leave the number out: as many are taken as fit both",
        )
