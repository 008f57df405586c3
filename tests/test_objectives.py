"""Losses against torch's plain formula, sums and counts against their definition."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from synthcli import objectives
from synthcli.errors import SynthError
from synthcli.model import TASKS, ModelConfig, build
from synthcli.objectives import (
    CACHE_ELEMENTS,
    IGNORED,
    OBJECTIVES,
    classification,
    count_targets,
    count_tokens,
    cross_entropy,
    segment_lm,
)

STACK = {"layers": 1, "max_length": 8}
SHARED = {"vocab_size": 11, "d_model": 8, "d_ff": 8, "dropout": 0.0, "mixer": {"heads": 2}}
CONFIGS = {
    "causal-lm": {"decoder": STACK},
    "masked-lm": {"encoder": STACK},
    "seq2seq": {"encoder": STACK, "decoder": STACK},
    "classification": {"encoder": STACK, "num_classes": 3},
}
PAD = torch.tensor([[False] * 5, [False, False, False, True, True]])


FORMS = {"processor": objectives._fill, "GPU": objectives._fill_by_few_passes}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the form of a processor or that of a GPU compute, and see that it did."""
    calls: list[str] = []
    for name, fill in FORMS.items():
        form = lambda *given, name=name, fill=fill: calls.append(name) or fill(*given)  # noqa: E731
        monkeypatch.setattr(objectives, fill.__name__, form)
    monkeypatch.setattr(objectives, "counts_launches", lambda x: request.param == "GPU")
    monkeypatch.setattr(objectives, "SLICE_ELEMENTS", CACHE_ELEMENTS)
    yield request.param
    assert set(calls) <= {request.param}


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
def test_tokens_are_what_is_read_without_padding(task: str) -> None:
    batch = batch_of(task)
    source = 8 if task == "seq2seq" else 0
    assert count_tokens(batch) == source + 8
    if source:
        assert count_tokens({**batch, "source_padding": PAD[:, 1:]}) == source - 2 + 8
    assert count_tokens({**batch, "padding": None}) == source + 10
    assert count_tokens({"labels": torch.tensor([1])}) == 0


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


@pytest.mark.usefixtures("form")
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


@pytest.mark.usefixtures("form")
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


@pytest.mark.usefixtures("form")
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


class Told(torch.nn.Module):
    """Notes what it is given, and gives back what it was made with."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *given: Any, **named: Any) -> Any:
        self.given, self.named = given, named
        return self.output


TARGETS = torch.tensor([[3, 1, IGNORED], [2, IGNORED, IGNORED]])
POSITIONS = torch.tensor([0, 1, 3])  # of the real targets
LOGITS = torch.arange(15.0).view(3, 5).sin()  # of the three real targets
PLAIN = float(F.cross_entropy(LOGITS, torch.tensor([3, 1, 2]), reduction="sum"))
TOKENS, SOURCE, MARKS = torch.zeros(2, 3), torch.ones(2, 4), torch.eye(2, 3).bool()


@pytest.mark.parametrize(
    ("task", "more", "given", "named", "output"),
    [
        ("causal-lm", {"documents": MARKS}, [TOKENS], {"documents": MARKS}, (LOGITS, None)),
        ("causal-lm", {}, [TOKENS], {"documents": None}, (LOGITS, None)),
        ("masked-lm", {"padding": MARKS}, [TOKENS], {"padding": MARKS}, LOGITS),
        (
            "seq2seq",
            {"source": SOURCE, "source_padding": MARKS},
            [SOURCE, TOKENS],
            {"source_padding": MARKS},
            LOGITS,
        ),
    ],
)
def test_a_model_is_told_what_the_batch_holds(
    task: str, more: dict[str, Any], given: list[Any], named: dict[str, Any], output: Any
) -> None:
    model = Told(output)
    loss, count = OBJECTIVES[task](model, {"tokens": TOKENS, "targets": TARGETS, **more})  # unsmoothed
    assert loss.item() == pytest.approx(PLAIN) and count == 3
    assert all(one is other for one, other in zip(model.given, given, strict=True))
    assert model.named.keys() == named.keys() | {"select", "targets"}
    assert all(model.named[key] is value for key, value in named.items())
    assert torch.equal(model.named["select"], POSITIONS)
    assert model.named["targets"].tolist() == [3, 1, 2]


def test_where_all_targets_are_real_nothing_is_selected() -> None:
    model = Told((LOGITS, None))
    OBJECTIVES["causal-lm"](model, {"tokens": TOKENS, "targets": torch.tensor([[3, 1, 2]])})
    assert model.named["select"] is None and model.named["targets"].tolist() == [3, 1, 2]


def test_a_segment_passes_its_state_on_without_its_gradient() -> None:
    before, after = torch.ones(2), torch.ones(2, requires_grad=True) * 2
    model = Told((LOGITS, after))
    loss, count, state = segment_lm(model, {"tokens": TOKENS, "targets": TARGETS}, before, window=7)
    assert (loss.item(), count) == (pytest.approx(PLAIN), 3)
    assert model.given[0] is TOKENS and model.named["state"] is before and model.named["window"] == 7
    assert torch.equal(model.named["select"], POSITIONS) and model.named["targets"].tolist() == [3, 1, 2]
    assert torch.equal(state, after) and not state.requires_grad
    smoothed, _, _ = segment_lm(model, {"tokens": TOKENS, "targets": TARGETS}, before, 0.3)
    plain = F.cross_entropy(LOGITS, torch.tensor([3, 1, 2]), reduction="sum", label_smoothing=0.3)
    assert smoothed.item() == pytest.approx(plain.item()) and model.named["window"] is None


def test_scores_are_evaluated_by_their_squared_error() -> None:
    model = Told(torch.tensor([[1.5, 9.0], [4.0, 9.0], [2.0, 9.0]]))
    labels = torch.tensor([1.0, 6.0, IGNORED])
    loss, count = classification(model, {"tokens": TOKENS, "padding": MARKS, "labels": labels})
    assert (loss.item(), count) == (0.25 + 4.0, 3)
    assert model.given[0] is TOKENS and model.named == {"padding": MARKS}


def test_choices_that_a_row_lacks_are_never_right() -> None:
    logits, absent = torch.tensor([[1.0, 2.0, 50.0], [0.5, 0.0, 1.0]]), torch.zeros(2, 3).bool()
    absent[0, 2] = True
    model, labels = Told(logits), torch.tensor([1, 2])
    loss, _ = classification(model, {"tokens": TOKENS, "labels": labels, "absent": absent})
    first, second = F.cross_entropy(logits[:1, :2], labels[:1]), F.cross_entropy(logits[1:], labels[1:])
    assert loss.item() == pytest.approx((first + second).item())
    assert model.named == {"padding": None}
    smoothed, _ = classification(model, {"tokens": TOKENS, "labels": labels}, 0.2)
    plain = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.2)
    assert smoothed.item() == pytest.approx(plain.item())


def test_an_adaptive_softmax_adds_the_losses_of_its_clusters() -> None:
    output = [(LOGITS[:2], torch.tensor([3, 1])), (LOGITS[2:, :3], torch.tensor([2]))]
    model = Told((output, None))
    loss, count = OBJECTIVES["causal-lm"](model, {"tokens": TOKENS, "targets": TARGETS})
    parts = [F.cross_entropy(logits, chosen, reduction="sum") for logits, chosen in output]
    assert (loss.item(), count) == (pytest.approx(sum(parts).item()), 3)
    with pytest.raises(SynthError) as error:
        OBJECTIVES["causal-lm"](model, {"tokens": TOKENS, "targets": TARGETS}, 0.1)
    assert str(error.value) == (
        "`training.label_smoothing = 0.1` has no meaning for an adaptive softmax\n"
        "hint: set it to 0, or leave out `model.embeddings.cutoffs`"
    )


@pytest.mark.usefixtures("form")
def test_rows_far_apart_stay_finite_each() -> None:
    logits = torch.tensor([[0.0, 1.0], [1000.0, 1001.0], [-1000.0, -1001.0]]).double()
    loss = cross_entropy(logits, torch.tensor([0, 1, 0]))
    assert loss.item() == pytest.approx(math.log(1 + math.e) + 2 * math.log(1 + math.exp(-1)))


@pytest.mark.usefixtures("form")
def test_gradients_of_float16_keep_what_a_scaled_loss_makes_of_them() -> None:
    """p of the last word is 2e-9: nothing in float16, and 2^15 times that is something."""
    logits = torch.tensor([[20.0, 0.0, 0.0]], dtype=torch.float16, requires_grad=True)
    (cross_entropy(logits, torch.tensor([1])) * 2**15).backward()
    p = torch.tensor([20.0, 0.0, 0.0], dtype=torch.float64).softmax(0)[2]
    assert logits.grad is not None and logits.grad.dtype == torch.float16
    assert logits.grad[0, 2].item() == pytest.approx(float(p) * 2**15, rel=1e-2)


@pytest.mark.parametrize("elements", [1, 7, 10**6])
def test_slices_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch, form: str, elements: int) -> None:
    monkeypatch.setattr(objectives, "SLICE_ELEMENTS" if form == "GPU" else "CACHE_ELEMENTS", elements)
    logits = LOGITS.clone().requires_grad_()
    loss = cross_entropy(logits, torch.tensor([3, 1, 2]))
    loss.backward()
    assert loss.item() == pytest.approx(PLAIN)
    plain = LOGITS.softmax(1) - F.one_hot(torch.tensor([3, 1, 2]), 5)
    torch.testing.assert_close(logits.grad, plain)
