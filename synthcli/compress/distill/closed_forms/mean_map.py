"""A synthesizer that starts from where the teacher looks on the average: S_ij = log E[n_i a_ij].

a is the teacher's attention and n_i the number of keys that i sees, so that long and short sequences are on
one scale; a softmax takes it out again. Cells that few sequences reach lean on the mean of their offset.
Values are the teacher's, of its best heads and narrowed as need be; the output map is by ridge. A factorized
table is the best of its rank.
"""

import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import context_of, mix_scores
from synthcli.compress.distill.closed_forms.greedy_heads import chosen_heads
from synthcli.compress.distill.closed_forms.heads import as_linear, context_moments, student_shape
from synthcli.compress.distill.closed_forms.refit import refit_output
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.compress.distill.closed_forms.whitened_svd import narrow_to
from synthcli.compress.fidelity.nmse import passages
from synthcli.errors import SynthError
from synthcli.model.mixers import Attention
from synthcli.model.mixers.masks import visible_keys
from synthcli.model.scores import ScoreFunction
from synthcli.model.scores.factorized_random import FactorizedRandom
from synthcli.model.scores.random import Random
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.scores import RandomConfig

TABLES = ("random", "factorized-random")
CONFIDENCE = 8.0  # sequences that the mean of an offset counts for
LEAST = 1e-6  # of a weight


@torch.no_grad()
def mean_map(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return a student whose scores are a table, from the teacher's mean attention."""
    count, d_head = student_shape(layer, config)
    assert isinstance(config, AttentionConfig)
    if [score.kind in TABLES for score in config.scores] != [True]:
        kinds = " + ".join(f"`{score.kind}`" for score in config.scores)
        message = f"the mean map starts one table of scores, not {kinds}"
        raise SynthError(message, "begin it from `ridge` or `random`")
    its = layer.attention.config
    whole_config = AttentionConfig(heads=its.heads, d_head=its.d_head, scores=(RandomConfig(),))
    whole = layer.fresh(whole_config)
    assert isinstance(whole, Attention)
    score = whole.scores[0]
    assert isinstance(score, Random)
    table = mean_scores(layer, score.table.shape[-1])
    write_table(score, table)
    for part in ("value", "output"):
        whole.get_submodule(part).load_state_dict(layer.mixer.get_submodule(part).state_dict())
    moments = context_moments(whole, layer)
    heads, numbers = chosen_heads(layer, moments, count)
    student = layer.fresh(config)
    assert isinstance(student, Attention)
    write_table(student.scores[0], table[numbers])
    narrow_to(heads, numbers, moments, d_head).write_values(student)
    refit_output(student, layer)
    return student


def mean_scores(layer: TeacherLayer, size: int) -> Tensor:
    """Return log E[n a] (heads, size, size), leaning on the mean of each offset."""
    mixer = layer.attention
    heads = mixer.config.heads
    total = torch.zeros(heads, size, size, dtype=torch.float64, device=layer.device)
    seen = torch.zeros(size, size, dtype=torch.float64, device=layer.device)
    dtype = as_linear(mixer.output).weight.dtype
    for x, _, padding in passages(layer.cache, layer.source, layer.source, None, layer.device):
        length, context = x.shape[1], context_of(layer.stack, padding)
        scores = mix_scores(mixer, x.to(dtype), context).double()
        visible = visible_keys(context, context.causal, length, length, x.device)
        real = x.new_ones(len(x), length) if padding is None else (~padding).double()
        keys = x.new_ones(1, 1, length, length) if visible is None else visible.double()
        pairs = (keys * real[:, None, :, None]).double()  # (batch, 1, queries, keys)
        weights = scores.masked_fill(pairs == 0, torch.finfo(scores.dtype).min).softmax(-1) * pairs
        total[:, :length, :length] += (weights * pairs.sum(-1, keepdim=True)).sum(0)
        seen[:length, :length] += pairs.expand(len(x), -1, -1, -1).sum(0)[0]
    return smooth_means(total.cpu(), seen.cpu()).clamp_min(LEAST).log()


def smooth_means(total: Tensor, seen: Tensor) -> Tensor:
    """Return means of cells (heads, N, N); one seen little is near the mean of its offset, or near 1."""
    size = len(seen)
    offset = torch.arange(size)[None] - torch.arange(size)[:, None] + size - 1  # (queries, keys)
    flat = offset.flatten()
    counts = torch.zeros(2 * size - 1, dtype=seen.dtype).index_add(0, flat, seen.flatten())
    sums = torch.zeros(len(total), 2 * size - 1, dtype=total.dtype).index_add(1, flat, total.flatten(1))
    mean = torch.where(counts > 0, sums / counts.clamp_min(1), torch.ones_like(sums))
    return (total + CONFIDENCE * mean[:, offset]) / (seen + CONFIDENCE)


def write_table(score: ScoreFunction, table: Tensor) -> None:
    """Give a score function a table (heads, N, N), or the best one of its rank."""
    if isinstance(score, Random):
        score.table.copy_(table)
        return
    assert isinstance(score, FactorizedRandom)
    U, S, V = torch.linalg.svd(table - table.mean(-1, keepdim=True), full_matrices=False)
    rank = score.left.shape[-1]
    root = S[:, :rank].sqrt()[:, None]
    score.left.copy_(U[:, :, :rank] * root)
    score.right.copy_(V[:, :rank].mT * root)
