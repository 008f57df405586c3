"""Narrower heads: per head the best maps of lower rank where the text is, and a new output map.

Scores. q = W_q x + b_q has the second moment M = E[q qᵀ]; the softmax over keys ignores what is the same for
all of them, so keys are centred, k = W_k (x − x̄), with covariance N. The best scores of rank r come from
M^½ N^½ = U S Vᵀ:   q' = S_r^½ U_rᵀ M^-½ q,   k' = S_r^½ V_rᵀ N^-½ k,   times (d'/d)^¼ each for the new √d'.
Values. What a head adds to y is W_o c, and P = Cov[c] over what it attends to; W_o P^½ = U S Vᵀ gives
c' = V_rᵀ P^-½ c, which commutes with attention, so W_v' = V_rᵀ P^-½ W_v, and W_o' = U_r S_r.
At full rank both are the teacher's. After Chen et al. 2021, arXiv 2104.04473 (low rank where the data is).
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from synthcli.compress.activations.moments import Moments, moments_of
from synthcli.compress.distill.closed_forms.greedy_heads import chosen_heads
from synthcli.compress.distill.closed_forms.heads import Heads, context_moments, student_shape
from synthcli.compress.distill.closed_forms.refit import refit_output
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.model.mixers import Attention
from synthcli.model_config.mixers import MixerConfig

FLAT = 1e-12  # of the largest eigenvalue: below it the text has nothing in that direction


def whitened_svd(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return a student of the teacher's best heads, each of the width asked for."""
    student = narrow_student(layer, config)
    refit_output(student, layer)
    return student


def narrow_student(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return that student before its output map is fitted."""
    count, d_head = student_shape(layer, config)
    student = layer.fresh(config)
    assert isinstance(student, Attention)
    moments = context_moments(layer.mixer, layer)
    heads, numbers = chosen_heads(layer, moments, count)
    inputs = moments_of(layer.cache, layer.source, layer.source, layer.device)
    narrow_scores(heads, inputs, d_head).write_scores(student)
    narrow_to(heads, numbers, moments, d_head).write_values(student)
    return student


def narrow_to(heads: Heads, numbers: list[int], contexts: Moments, rank: int) -> Heads:
    """Return heads with values of that rank; `contexts` are of all of the teacher's, these are `numbers`."""
    its = [slice(n * heads.d_head, (n + 1) * heads.d_head) for n in numbers]
    covariance, mean = contexts.covariance, contexts.mean_x
    spread = torch.stack([covariance[one, one] for one in its])
    return narrow_values(heads, spread, torch.stack([mean[one] for one in its]), rank)


def narrow_scores(heads: Heads, inputs: Moments, rank: int) -> Heads:
    """Return heads with queries and keys of that rank."""
    W, b, mean = heads.query, heads.query_bias, inputs.mean_x
    q = torch.einsum("hkd,d->hk", W, mean) + b
    M = torch.einsum("hkd,de,hle->hkl", W, inputs.covariance, W) + q[:, :, None] * q[:, None]
    N = torch.einsum("hkd,de,hle->hkl", heads.key, inputs.covariance, heads.key)
    (root_m, inverse_m), (root_n, inverse_n) = roots(M), roots(N)
    U, S, V = torch.linalg.svd(root_m @ root_n)
    # the student divides by the root of its own width
    half = S[:, :rank].sqrt()[:, :, None] * (rank / heads.d_head) ** 0.25
    to_query = half * U.mT[:, :rank] @ inverse_m
    to_key = half * V[:, :rank] @ inverse_n
    key = to_key @ heads.key
    return replace(
        heads,
        query=to_query @ W,
        query_bias=torch.einsum("hrk,hk->hr", to_query, b),
        key=key,
        key_bias=-torch.einsum("hrd,d->hr", key, mean),
    )


def narrow_values(heads: Heads, spread: Tensor, means: Tensor, rank: int) -> Heads:
    """Return heads with values of that rank; `spread` (heads, d_head, d_head) and `means` are those of c."""
    root, inverse = roots(spread)
    U, S, V = torch.linalg.svd(heads.output @ root, full_matrices=False)
    to_value, output = V[:, :rank] @ inverse, U[:, :, :rank] * S[:, None, :rank]
    lost = torch.einsum("hdk,hk->d", heads.output - output @ to_value, means)
    return replace(
        heads,
        value=to_value @ heads.value,
        value_bias=torch.einsum("hrk,hk->hr", to_value, heads.value_bias),
        output=output,
        output_bias=heads.output_bias + lost,
    )


def roots(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Return C^½ and its inverse where C is not flat, of symmetric matrices."""
    values, vectors = torch.linalg.eigh(moments)
    largest = values.amax(-1, keepdim=True)
    is_flat = values <= FLAT * largest
    root = values.masked_fill(is_flat, 0).sqrt()
    inverse = root.masked_fill(is_flat, 1).reciprocal().masked_fill(is_flat, 0)
    return (vectors * root[..., None, :]) @ vectors.mT, (vectors * inverse[..., None, :]) @ vectors.mT
