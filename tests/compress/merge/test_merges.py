"""Merged layers, beside formulas written out in float64 and layers that change nothing."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.assemble import KeptLayer, New, with_layers
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.merge import MERGES, MergeProblem, Span, all_pairs, span_of
from synthcli.compress.merge.pooled import measure_error
from synthcli.compress.merge.selection import select_groups
from synthcli.compress.merge.solving import rescale, weigh
from synthcli.compress.merge.span import wiring_of
from synthcli.errors import SynthError, WorkFailedError
from synthcli.model import ModelConfig, build

LENGTHS = np.array([7, 5, 7, 3, 6, 7] * 6)
D_MODEL = 12


@dataclass
class Recorded:
    """Activations held in memory: (sequence, position, width) by hook point."""

    values: dict[HookPoint, Tensor]

    @property
    def lengths(self) -> np.ndarray:
        return LENGTHS

    def read(self, point: HookPoint, indices: np.ndarray) -> tuple[Tensor, Tensor | None]:
        longest = int(LENGTHS[indices].max())
        padding = torch.from_numpy(np.arange(longest) >= LENGTHS[indices][:, None])
        return self.values[point][indices, :longest], padding if bool(padding.any()) else None


def model_of(block: str, layers: int = 3, task: str = "masked-lm", **changes: object) -> nn.Module:
    torch.manual_seed(4)
    stack = "encoder" if task == "masked-lm" else "decoder"
    table = {
        "task": task,
        "vocab_size": 19,
        "d_model": D_MODEL,
        "d_ff": 16,
        "dropout": 0.0,
        "block": {"kind": block},
        "mixer": {"heads": 3},
        stack: {"layers": layers, "max_length": 9},
    }
    model = build(ModelConfig.model_validate(table | changes)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def recorded(model: nn.Module, span: Span) -> Recorded:
    """Drive random streams through a model's layers, each sequence by itself."""
    torch.manual_seed(5)
    x = torch.randn(len(LENGTHS), int(LENGTHS.max()), D_MODEL, dtype=torch.float64)
    x = torch.nn.functional.layer_norm(x, (D_MODEL,), eps=1e-12)
    y = torch.zeros_like(x)
    for i, length in enumerate(LENGTHS):
        stream = x[i : i + 1, :length]
        for block in span.blocks(model):
            stream, _ = block(stream, context_of(span.stack, None), None, None)
        y[i, :length] = stream[0]
    return Recorded({span.source: x, span.target: y})


def problem_of(model: nn.Module, first: int = 0, last: int = 1) -> MergeProblem:
    stack = "encoder" if hasattr(model, "encoder") else "decoder"
    span = Span(stack, first, last)
    return MergeProblem(model.config, model, span, recorded(model, span))


@torch.no_grad()
def become_identity(block: nn.Module) -> None:
    """Let a block add nothing to the stream; a norm on the stream keeps what is normalised."""
    for output in (block.mixer.output, block.feed_forward.output):
        output.weight.zero_()
        output.bias.zero_()
    for norm in (block.mixer_norm, block.feed_forward_norm):
        norm.weight.fill_(1.0)
        norm.bias.zero_()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["masked-lm", "causal-lm"])
@pytest.mark.parametrize("identity", [0, 1])
@pytest.mark.parametrize("block", ["pre-norm", "post-norm"])
def test_a_layer_merged_with_one_that_changes_nothing_is_that_layer(
    block: str, identity: int, task: str
) -> None:
    model = model_of(block, 2, task, norm_eps=1e-12)
    stack = model.encoder if task == "masked-lm" else model.decoder
    become_identity(stack.blocks[identity])
    final = stack.blocks[1 - identity].feed_forward_norm
    if block == "post-norm":  # what is not centred and of size 1 is changed by another norm
        with torch.no_grad():
            final.weight.fill_(1.0)
            final.bias.zero_()
    work = problem_of(model)
    ridge = "ridge-last" if identity == 0 else "ridge-first"
    assert measure_error(work, MERGES[ridge](work, MergedLayerConfig())) < 1e-7
    # units are chosen one by one: in 3 of 40 such models one of them is not the layer's
    assert measure_error(work, MERGES["pooled"](work, MergedLayerConfig())) < 1e-3
    assert (
        measure_error(work, MERGES["copy-last" if identity == 0 else "copy-first"](work, MergedLayerConfig()))
        < 1e-12
    )


@pytest.mark.parametrize("block", ["pre-norm", "post-norm"])
def test_solving_is_better_than_copies_and_pooling_than_one_layer(block: str) -> None:
    work = problem_of(model_of(block))
    errors = {name: measure_error(work, start(work, MergedLayerConfig())) for name, start in MERGES.items()}
    assert errors["pooled"] < errors["copy-first"]
    assert errors["pooled"] < errors["copy-last"]
    assert errors["pooled"] < errors["mean"] < errors["random"]
    assert errors["ridge-last"] < errors["copy-last"]
    assert errors["ridge-first"] < errors["copy-first"]


def test_all_heads_and_neurons_of_both_layers_are_better_than_half_of_them() -> None:
    work = problem_of(model_of("pre-norm"))
    errors = [
        measure_error(work, MERGES["pooled"](work, MergedLayerConfig(heads=heads, d_ff=d_ff)))
        for heads, d_ff in ((6, 32), (3, 16), (1, 4))
    ]
    assert errors == sorted(errors)


@pytest.mark.parametrize("name", list(MERGES))
def test_every_start_makes_a_layer_that_stands_in_a_model(name: str) -> None:
    model = model_of("post-norm")
    work = problem_of(model, 1, 2)
    new = MERGES[name](work, MergedLayerConfig())
    merged = with_layers(model, model.config, [KeptLayer(0), new], "encoder")
    assert merged.config.encoder.layers == 2
    tokens = torch.randint(19, (2, 5))
    assert merged(tokens).isfinite().all()
    assert all(parameter.requires_grad for parameter in new.block.parameters())


def test_three_layers_become_one_and_meet_the_teacher_in_any_of_them() -> None:
    work = problem_of(model_of("post-norm"), 0, 2)
    assert measure_error(work, MERGES["pooled"](work, MergedLayerConfig())) < measure_error(
        work, MERGES["copy-last"](work, MergedLayerConfig())
    )


def test_the_mean_is_that_of_every_parameter() -> None:
    model = model_of("pre-norm")
    new = MERGES["mean"](problem_of(model), MergedLayerConfig())
    first, second = (dict(block.named_parameters()) for block in model.encoder.blocks[:2])
    for name, parameter in new.block.named_parameters():
        torch.testing.assert_close(parameter, (first[name] + second[name]) / 2)


def test_copies_share_no_memory_with_the_teacher() -> None:
    model = model_of("pre-norm")
    new = MERGES["copy-first"](problem_of(model), MergedLayerConfig())
    with torch.no_grad():
        new.block.mixer.output.weight.zero_()
    assert model.encoder.blocks[0].mixer.output.weight.any()


def gain_by_hand(gram: Tensor, cross: Tensor, rows: list[int], ridge: float) -> float:
    own = gram[rows][:, rows] + ridge * torch.eye(len(rows), dtype=gram.dtype)
    return float((cross[rows] * torch.linalg.solve(own, cross[rows])).sum())


@pytest.mark.parametrize("size", [1, 3])
def test_selection_takes_the_largest_ridge_gain_at_every_step(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 12, dtype=torch.float64, generator=generator)
    x = x @ torch.randn(12, 12, dtype=torch.float64, generator=generator)
    y = torch.randn(40, 5, dtype=torch.float64, generator=generator)
    gram, cross, strength = x.T @ x, x.T @ y, 1e-2
    ridge = strength * float(gram.diagonal().mean())
    expected: list[int] = []
    for _ in range(3):
        left = [g for g in range(12 // size) if g not in expected]

        def gain(group: int) -> float:
            chosen = [*expected, group]
            rows = list(itertools.chain.from_iterable(range(g * size, (g + 1) * size) for g in chosen))
            return gain_by_hand(gram, cross, rows, ridge)

        expected.append(max(left, key=gain))
    assert select_groups(gram, cross, size, 3, strength) == expected


def test_rows_count_by_their_weights() -> None:
    x, y, weights = torch.randn(9, 4).double(), torch.randn(9, 2).double(), torch.rand(9).double()
    moments = weigh(x, y, weights)
    share = weights / weights.sum()
    mean = (share[:, None] * x).sum(0)
    covariance = sum(s * torch.outer(row - mean, row - mean) for s, row in zip(share, x, strict=True))
    torch.testing.assert_close(moments.mean_x, mean)
    torch.testing.assert_close(moments.covariance, covariance)


def test_a_layer_norm_sees_no_other_size() -> None:
    state, like = torch.randn(4, D_MODEL).double(), torch.randn(4, D_MODEL).double() * 3 + 1
    changed = rescale(state, like)
    torch.testing.assert_close(changed.mean(-1), like.mean(-1))
    torch.testing.assert_close(changed.std(-1, correction=0), like.std(-1, correction=0))
    norm = nn.LayerNorm(D_MODEL, eps=0.0).double()
    torch.testing.assert_close(norm(changed), norm(state))


def refused(call) -> tuple[str, str]:  # type: ignore[no-untyped-def]
    with pytest.raises(SynthError) as caught:
        call()
    return caught.value.message, caught.value.hint


def test_layers_that_are_no_neighbours_are_refused() -> None:
    config = model_of("pre-norm").config
    assert refused(lambda: span_of(config, [0, 2], "encoder")) == (
        "layers `0 2` are not neighbours in rising order",
        "name layers that follow each other, such as `0 1`",
    )
    assert "one layer" in refused(lambda: span_of(config, [1], "encoder"))[0]
    assert refused(lambda: span_of(config, [2, 3], "encoder"))[1] == "blocks count from 0, allowed: 0 to 2"


def test_pairs_of_an_odd_number_of_layers_leave_the_last_alone() -> None:
    assert [str(span) for span in all_pairs(model_of("pre-norm").config, "encoder")] == ["0+1"]


def test_what_a_start_cannot_do_is_refused() -> None:
    work = problem_of(model_of("pre-norm"))
    assert refused(lambda: MERGES["copy-last"](work, MergedLayerConfig(heads=2))) == (
        "`--init copy-last` keeps heads and neurons as they are, and `--heads 2` changes them",
        "use `--init pooled` or `random`",
    )
    assert refused(lambda: MERGES["pooled"](work, MergedLayerConfig(heads=7))) == (
        "`--heads 7`: the layers have 6 to choose from",
        "allowed: 1 to 6",
    )
    assert "are kept" in refused(lambda: MERGES["pooled"](work, MergedLayerConfig(d_head=3)))[0]
    assert "no heads" in refused(lambda: MERGES["linear"](work, MergedLayerConfig(heads=2)))[0]
    parallel = problem_of(model_of("parallel"))
    assert '`block = "parallel"`' in refused(lambda: MERGES["pooled"](parallel, MergedLayerConfig()))[0]
    assert MERGES["random"](parallel, MergedLayerConfig(heads=2, d_head=5)).mixer.heads == 2


def test_heads_of_other_mixers_are_solved_for_as_they_are() -> None:
    mixer = {"heads": 3, "scores": [{"kind": "dense"}]}
    work = problem_of(model_of("pre-norm", mixer=mixer))
    assert "plain dot-product" in refused(lambda: MERGES["pooled"](work, MergedLayerConfig()))[0]
    solved, copied = (
        measure_error(work, MERGES[name](work, MergedLayerConfig())) for name in ("ridge-last", "copy-last")
    )
    assert solved < copied


def test_new_is_what_assembling_takes() -> None:
    assert isinstance(MERGES["random"](problem_of(model_of("pre-norm")), MergedLayerConfig()), New)


def test_features_that_hardly_vary_are_told_from_their_mean() -> None:
    """Contexts of a teacher that has learnt little are nearly constant, and few of them are apart."""
    torch.manual_seed(0)
    x = 30 + 1e-3 * (torch.randn(300, 4) @ torch.randn(4, 24) + 0.02 * torch.randn(300, 24))
    y, weights = x @ torch.randn(24, 5) + 7, torch.rand(300) + 0.5
    found = weigh(x, y, weights)
    share = (weights / weights.sum()).double()
    mean_x, mean_y = share @ x.double(), share @ y.double()
    rest = x.double() - mean_x
    covariance = rest.mT @ (rest * share[:, None])
    close = 1e-5 * float(covariance.diagonal().max())
    torch.testing.assert_close(found.covariance, covariance, rtol=0, atol=close)
    torch.testing.assert_close(found.mean_y, mean_y, rtol=1e-6, atol=1e-6)
    assert sorted(select_groups(found.covariance, found.cross, 4, 6, 1e-5)) == list(range(6))


def test_features_of_which_nothing_is_known_are_refused() -> None:
    with pytest.raises(WorkFailedError, match="the text says too little of the heads and neurons"):
        select_groups(-torch.eye(6).double(), torch.ones(6, 2).double(), 2, 2, 0.0)


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"kind": "pre-norm", "values_from": "stream"}, 'block.values_from = "stream"'),
        ({"kind": "skipless", "skip_from": "norm"}, 'block.skip_from = "norm"'),
        ({"kind": "parallel"}, 'block = "parallel"'),
    ],
)
def test_a_wiring_that_is_not_solved_for_is_refused_by_its_own_field(
    block: dict[str, str], named: str
) -> None:
    table = {"task": "causal-lm", "vocab_size": 9, "d_model": 8, "d_ff": 8, "block": block}
    config = ModelConfig.model_validate({**table, "decoder": {"layers": 2, "max_length": 4}})
    with pytest.raises(SynthError) as caught:
        wiring_of(config)
    assert caught.value.message == (
        "a merged layer is solved for in plain blocks of kind `pre-norm`, `skipless`, `post-norm`, "
        f"and this model has `{named}`"
    )
