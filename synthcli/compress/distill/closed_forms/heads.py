"""The heads of an attention as matrices, to be chosen among, made narrower, and written into another.

A head attends by softmax(q kᵀ / √d_head), q = W_q x + b_q, k = W_k x + b_k,
and adds W_o (W_v x + b_v) to y.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.moments import Moments, sum_moments
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.compress.fidelity.nmse import passages
from synthcli.errors import SynthError
from synthcli.model.mixers import Attention
from synthcli.model.scores.dot_product import DotProduct
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import MixerConfig


@dataclass(frozen=True)
class Heads:
    """`query`, `key`, `value` (heads, d_head, d_model) with biases (heads, d_head).

    `output` is (heads, d_model, d_head) with one `output_bias` (d_model). All are in float64 on the
    processor: what is computed of them is small.
    """

    query: Tensor
    query_bias: Tensor
    key: Tensor
    key_bias: Tensor
    value: Tensor
    value_bias: Tensor
    output: Tensor
    output_bias: Tensor

    @classmethod
    def of(cls, mixer: nn.Module, what: str) -> "Heads":
        """Return the heads of a plain attention; any other is refused."""
        score = plain_score(mixer, what)
        assert isinstance(mixer, Attention)
        heads = mixer.config.heads
        return cls(
            *split_map(score.query, heads),
            *split_map(score.key, heads),
            *split_map(mixer.value, heads),
            weight_of(mixer.output).unflatten(1, (heads, -1)).transpose(0, 1),
            bias_of(mixer.output),
        )

    @property
    def count(self) -> int:
        return len(self.query)

    @property
    def d_head(self) -> int:
        return self.query.shape[1]

    def select(self, heads: Sequence[int]) -> "Heads":
        """Return some of the heads; the bias of the output stays."""
        chosen = list(heads)
        parts = {name: getattr(self, name)[chosen] for name in self.__dataclass_fields__ if name != BIAS}
        return replace(self, **parts)

    @property
    def output_map(self) -> Tensor:
        """W_o of all heads side by side  (d_model, heads · d_head)."""
        return self.output.transpose(0, 1).flatten(1)

    @property
    def constant_output(self) -> Tensor:
        """The constant part of y, b_o + Σ_h W_o b_v: weights of attention add up to 1."""
        return self.output_bias + torch.einsum("hdk,hk->d", self.output, self.value_bias)

    @torch.no_grad()
    def write_values(self, student: Attention) -> None:
        """Give a student values and output; where it has no bias of values, that of the output holds it."""
        set_map(student.value, self.value.flatten(0, 1), self.value_bias.flatten())
        has_bias = as_linear(student.value).bias is not None
        set_map(student.output, self.output_map, self.output_bias if has_bias else self.constant_output)

    @torch.no_grad()
    def write_scores(self, student: Attention) -> None:
        """Give a student queries and keys."""
        score = student.scores[0]
        assert isinstance(score, DotProduct)
        set_map(score.query, self.query.flatten(0, 1), self.query_bias.flatten())
        set_map(score.key, self.key.flatten(0, 1), self.key_bias.flatten())


BIAS = "output_bias"


def as_linear(module: nn.Module) -> nn.Linear:
    """Return a map that is known to be linear."""
    assert isinstance(module, nn.Linear)
    return module


def split_map(module: nn.Module, heads: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a linear map by head."""
    weight, bias = weight_of(module), bias_of(module)
    return weight.unflatten(0, (heads, -1)), bias.unflatten(0, (heads, -1))


def weight_of(module: nn.Module) -> Tensor:
    """Return the weight of a linear map, in float64 on the processor."""
    return as_linear(module).weight.detach().cpu().double()


def bias_of(module: nn.Module) -> Tensor:
    """Return the bias of a linear map, zeros where it has none, in float64 on the processor."""
    linear = as_linear(module)
    if linear.bias is None:
        return torch.zeros(len(linear.weight), dtype=torch.float64)
    return linear.bias.detach().cpu().double()


@torch.no_grad()
def set_map(module: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Write a linear map; a bias that has no place is left out."""
    linear = as_linear(module)
    linear.weight.copy_(weight)
    if linear.bias is not None:
        linear.bias.copy_(bias)


def plain_score(mixer: nn.Module, what: str) -> DotProduct:
    """Return the dot product of an attention that is nothing but softmax(q kᵀ / √d_head) V W_o."""
    hint = "begin from another start, such as `random`"
    if not isinstance(mixer, Attention):
        raise SynthError(f"{what} is no attention: it has no heads to choose among", hint)
    score = mixer.scores[0]
    is_whole = all(isinstance(part, nn.Linear) for part in (mixer.value, mixer.output))
    if len(mixer.scores) > 1 or not isinstance(score, DotProduct) or mixer.shaping or not is_whole:
        raise SynthError(f"{what} is not attention by dot products alone", hint)
    config = score.config
    if (
        score.rotary
        or score.alibi
        or config.query != "projection"
        or config.qk_norm != "none"
        or config.soft_cap
    ):
        raise SynthError(f"{what} does more to queries and keys than compare them", hint)
    return score


def student_shape(layer: TeacherLayer, config: MixerConfig) -> tuple[int, int]:
    """Return heads and d_head of a student made of the teacher's heads; refuse what does not fit."""
    d_model = layer.teacher.config.d_model
    if not isinstance(config, AttentionConfig):
        raise SynthError(f"a `{config.kind}` student has no heads", "begin it from another start")
    plain_score(layer.mixer, f"`{layer.target}`")
    teacher = layer.attention.config
    shape = (config.heads, config.width_of_head(d_model))
    most = (teacher.heads, teacher.width_of_head(d_model))
    for key, asked, there in zip(("--heads", "--d-k"), shape, most, strict=True):
        if asked > there:
            message = f"`{key} {asked}` is more than the teacher's {there} in block {layer.number}"
            raise SynthError(message, f"allowed: 1 to {there}, or begin from `random`")
    return shape


@torch.no_grad()
def contexts(mixer: nn.Module, layer: TeacherLayer) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what enters the output map of a mixer, and y of the teacher: rows of real tokens."""
    seen: list[Tensor] = []
    output = as_linear(mixer.get_submodule("output"))
    handle = output.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    dtype = output.weight.dtype
    try:
        for x, y, padding in passages(layer.cache, layer.source, layer.target, None, layer.device):
            mixer(x.to(dtype), context_of(layer.stack, padding))
            found = seen.pop()
            yield (
                (found.flatten(0, 1), y.flatten(0, 1)) if padding is None else (found[~padding], y[~padding])
            )
    finally:
        handle.remove()


def context_moments(mixer: nn.Module, layer: TeacherLayer) -> Moments:
    """Return the moments of what enters the output map of a mixer and of the teacher's y."""
    return sum_moments(contexts(mixer, layer))
