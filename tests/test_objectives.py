"""Losses against torch's plain formula, sums and counts against their definition."""

import pytest
import torch
from torch.nn import functional as F

from synthcli.model import TASKS, ModelConfig, build
from synthcli.objectives import CACHE_ELEMENTS, IGNORED, OBJECTIVES, count_targets, cross_entropy

STACK = {"layers": 1, "max_length": 8}
SHARED = {"vocab_size": 11, "d_model": 8, "d_ff": 8, "dropout": 0.0, "mixer": {"heads": 2}}
CONFIGS = {
    "causal-lm": {"decoder": STACK},
    "masked-lm": {"encoder": STACK},
    "seq2seq": {"encoder": STACK, "decoder": STACK},
    "classification": {"encoder": STACK, "num_classes": 3},
}
PAD = torch.tensor([[False] * 5, [False, False, False, True, True]])


def model_of(task: str) -> torch.nn.Module:
    torch.manual_seed(1)
    return build(ModelConfig.model_validate({"task": task, **SHARED, **CONFIGS[task]})).double().eval()


def batch_of(task: str) -> dict[str, torch.Tensor | None]:
    torch.manual_seed(2)
    tokens = torch.randint(0, 11, (2, 5))
    targets = torch.randint(0, 11, (2, 5)).masked_fill(PAD, IGNORED)
    if task in ("causal-lm", "masked-lm"):
        return {"tokens": tokens, "targets": targets, "padding": PAD}
    if task == "seq2seq":
        source = {"source": torch.randint(0, 11, (2, 4)), "source_padding": None}
        return {**source, "tokens": tokens, "targets": targets, "padding": PAD}
    return {"tokens": tokens, "padding": PAD, "labels": torch.tensor([2, 0])}


def test_every_task_has_an_objective() -> None:
    assert OBJECTIVES.keys() == TASKS.keys()


@pytest.mark.parametrize("task", OBJECTIVES)
def test_the_loss_is_a_sum_over_real_targets(task: str) -> None:
    model, batch = model_of(task), batch_of(task)
    loss, count = OBJECTIVES[task](model, batch, 0.1)
    if task == "classification":
        logits, targets = model(batch["tokens"], padding=PAD), batch["labels"]
    elif task == "seq2seq":
        logits, targets = model(batch["source"], batch["tokens"], padding=PAD), batch["targets"]
    else:
        result = model(batch["tokens"], padding=PAD)
        logits, targets = result[0] if isinstance(result, tuple) else result, batch["targets"]
    plain = F.cross_entropy(
        logits.flatten(0, -2), targets.flatten(), label_smoothing=0.1, reduction="sum", ignore_index=IGNORED
    )
    torch.testing.assert_close(loss, plain)
    assert count == count_targets(batch) == (2 if task == "classification" else 8)


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm", "seq2seq"])
def test_the_head_sees_only_real_targets(task: str) -> None:
    model, seen = model_of(task), []
    model.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    batch = batch_of(task)
    OBJECTIVES[task](model, batch, 0.0)
    OBJECTIVES[task](model, {**batch, "targets": batch["tokens"], "padding": None}, 0.0)
    assert seen[0].shape[:-1] == (int((~PAD).sum()),)
    assert seen[1].shape[:-1] == PAD.shape


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_cross_entropy_and_its_gradient_equal_the_plain_formula(rows: int, label_smoothing: float) -> None:
    torch.manual_seed(0)
    vocabulary = CACHE_ELEMENTS // 3  # slices of three rows, the last one short
    logits = (4 * torch.randn(rows, vocabulary, dtype=torch.float64)).requires_grad_()
    targets = torch.randint(0, vocabulary, (rows,))
    targets[3:5] = IGNORED
    ours = cross_entropy(logits, targets, label_smoothing)
    plain = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    torch.testing.assert_close(ours, plain)
    (gradient,) = torch.autograd.grad(0.25 * ours, logits)
    (expected,) = torch.autograd.grad(0.25 * plain, logits)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_give_a_float32_loss(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    logits = torch.randn(300, 500, dtype=dtype, requires_grad=True)
    targets = torch.randint(0, 500, (300,))
    ours = cross_entropy(logits, targets, 0.1)
    plain = F.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(ours, plain)
    (gradient,) = torch.autograd.grad(1024 * ours, logits)
    (expected,) = torch.autograd.grad(1024 * plain, logits)
    # both round the same numbers, before or after the scaling by a power of two
    torch.testing.assert_close(gradient, expected, rtol=torch.finfo(dtype).eps, atol=1e-4)


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == 2e4
    assert logits.grad.tolist() == [[0.0, 0.0], [-1.0, 1.0]]


def test_a_second_backward_is_refused() -> None:
    loss = cross_entropy(torch.randn(2, 3, requires_grad=True), torch.tensor([0, 1]))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
