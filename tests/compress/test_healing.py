"""The objective that heals, beside its formula written out in float64."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.compress import healing
from synthcli.compress.healing import EveryPosition, Healing, divergence, hidden_states
from synthcli.model import ModelConfig, build
from synthcli.objectives import IGNORED, count_targets

VOCABULARY, D_MODEL = 23, 12


def model_of(task: str, layers: int, seed: int, block: str = "post-norm") -> torch.nn.Module:
    torch.manual_seed(seed)
    stack = "encoder" if task == "masked-lm" else "decoder"
    table = {
        "task": task,
        "vocab_size": VOCABULARY,
        "d_model": D_MODEL,
        "d_ff": 20,
        "dropout": 0.0,
        "block": block,
        "mixer": {"heads": 3},
        stack: {"layers": layers, "max_length": 9},
    }
    return build(ModelConfig.model_validate(table)).double()


def batch_of(task: str) -> dict[str, Tensor]:
    tokens = torch.randint(1, VOCABULARY, (3, 7))
    padding = torch.zeros(3, 7, dtype=torch.bool)
    padding[1, 5:] = True
    targets = tokens.masked_fill(padding, IGNORED)
    batch = {"tokens": tokens.masked_fill(padding, 0), "targets": targets, "padding": padding}
    return batch if task == "masked-lm" else {key: batch[key] for key in ("tokens", "targets")}


def divergence_by_hand(p_logits: Tensor, q_logits: Tensor, temperature: float) -> Tensor:
    p, q = (torch.exp(z / temperature) for z in (p_logits, q_logits))
    p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)
    return temperature**2 * (p * torch.log(p / q)).sum()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_divergence_and_its_gradient_are_those_of_the_formula(
    temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healing, "CACHE_ELEMENTS", 2 * VOCABULARY)  # two positions at a time
    teacher = torch.randn(5, VOCABULARY, dtype=torch.float64)
    student = torch.randn(5, VOCABULARY, dtype=torch.float64, requires_grad=True)
    expected = divergence_by_hand(teacher, student, temperature)
    (gradient,) = torch.autograd.grad(expected * 1.7, student)
    loss = divergence(teacher, student, temperature)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    (loss * 1.7).backward()
    torch.testing.assert_close(student.grad, gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("task", ["masked-lm", "causal-lm"])
def test_the_loss_is_summed_over_every_real_position(task: str) -> None:
    teacher, student, batch = model_of(task, 4, 1), model_of(task, 2, 2), batch_of(task)
    layers = ((0, 1), (1, 3))
    with torch.no_grad():
        loss, count = Healing(teacher, 1.0, 0.3, layers)(student, batch)
        expected = sum(by_hand(teacher, student, batch, row, layers) for row in range(3))
    assert count == count_targets(batch) == int((batch["targets"] != IGNORED).sum())
    torch.testing.assert_close(loss, torch.as_tensor(expected), rtol=1e-10, atol=0)


def by_hand(teacher, student, batch, row, layers):  # type: ignore[no-untyped-def]
    """One sequence by itself, without its padding."""
    length = int((batch["targets"][row] != IGNORED).sum())
    tokens = batch["tokens"][row : row + 1, :length]
    with (
        hidden_states(teacher, [b for _, b in layers]) as h,
        hidden_states(student, [a for a, _ in layers]) as g,
    ):
        outputs = [model(tokens) for model in (teacher, student)]
    p, q = ((out[0] if isinstance(out, tuple) else out)[0] for out in outputs)
    total = divergence_by_hand(p, q, 1.0)
    for ours, theirs in layers:
        for position in range(length):
            wanted, got = h[theirs][0, position], g[ours][0, position]
            total = total + 0.3 * ((got - wanted) ** 2).sum() / (wanted**2).sum()
    return total


def test_a_model_is_healed_already_where_it_is_its_teacher() -> None:
    teacher = model_of("masked-lm", 2, 3)
    student, batch = copy.deepcopy(teacher), batch_of("masked-lm")
    loss, _ = Healing(teacher, 1.0, 1.0, ((0, 0), (1, 1)))(student, batch)
    assert abs(loss.item()) < 1e-12
    loss.backward()
    assert all(p.grad is None or p.grad.abs().max() < 1e-12 for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())


def test_every_position_that_is_no_padding_has_a_target() -> None:
    class Masked:
        task, lengths = "masked-lm", np.array([7, 5, 7])

        def __len__(self) -> int:
            return 3

        def collate(self, indices: object, *drawing: object) -> dict[str, Tensor]:
            batch = batch_of("masked-lm")
            return {**batch, "targets": torch.full_like(batch["tokens"], IGNORED)}

    examples = EveryPosition(Masked())
    batch = examples.collate(np.arange(3))
    assert (len(examples), examples.lengths.tolist()) == (3, [7, 5, 7])
    assert torch.equal(batch["targets"] == IGNORED, batch["padding"])
