"""Lightweight and dynamic convolution against the sum written out, in float64, forward and backward."""

from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers import MIXERS, Site
from synthcli.model_config.mixers import MIXER_SETTINGS

BATCH, LENGTH, D_MODEL, HEADS = 3, 7, 12, 3
KINDS = ("lightweight-convolution", "dynamic-convolution")
KERNELS = (2, 3, 4, 9, 20)


def build_convolution(kind: str, kernel: int, **more: object) -> Any:
    config = MIXER_SETTINGS[kind].model_validate({"heads": HEADS, "kernel": kernel, **more})
    mixer = MIXERS[kind](config, Site(D_MODEL, 50, 50)).double().eval()
    for parameter in mixer.parameters():
        torch.nn.init.normal_(parameter)
    return mixer


def written_out(mixer: Any, x: Tensor, left: int, may_read: Tensor) -> Tensor:
    """Sum number by number; `may_read` (batch, position, other) is True where a kernel reads the other."""
    batch, length, width = x.shape
    u = mixer.input(x)
    if mixer.config.gated:
        u = u[..., :width] * torch.sigmoid(u[..., width:])
    rows = []
    for b in range(batch):
        for t in range(length):
            # a padded position makes its kernel of zeros
            own = u[b, t] * bool(may_read[b, t, t])
            w = mixer.query(own).view(HEADS, -1) if hasattr(mixer, "query") else mixer.weight[0, 0]
            kernel = w.exp() / w.exp().sum(-1, keepdim=True)
            for c in range(width):
                value = x.new_zeros(())
                for j in range(mixer.kernel):
                    other = t + j - left
                    if 0 <= other < length and may_read[b, t, other]:
                        value = value + kernel[c // (width // HEADS), j] * u[b, other, c]
                rows.append(value)
    return mixer.output(torch.stack(rows).view(batch, length, width))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["whole", "padded", "packed", "not gated"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_formula_forward_and_backward(kind: str, kernel: int, causal: bool, case: str) -> None:
    torch.manual_seed(0)
    mixer = build_convolution(kind, kernel, gated=case != "not gated")
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    may_read, context = torch.ones(BATCH, LENGTH, LENGTH, dtype=torch.bool), Context(causal=causal)
    if case == "padded":
        padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
        padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
        may_read, context = may_read & ~padding[:, None], Context(causal=causal, key_padding=padding)
    elif case == "packed":
        documents = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0] * 7, [0, 1, 1, 1, 1, 1, 2]])
        may_read = documents[:, :, None] == documents[:, None]
        context = Context(causal=causal, documents=documents)
    left = kernel - 1 if causal else (kernel - 1) // 2
    y, _ = mixer(x, context)
    want = written_out(mixer, x, left, may_read)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)
    wanted, weight = [x, *mixer.parameters()], torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted)
    theirs = torch.autograd.grad((want * weight).sum(), wanted)
    for mine, other in zip(got, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", [2, 3, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_any_steps_are_the_whole_and_keep_no_more_than_the_kernel_needs(kind: str, kernel: int) -> None:
    torch.manual_seed(1)
    mixer = build_convolution(kind, kernel)
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    whole, state, pieces = mixer(x, Context(causal=True))[0], mixer.initial_state(), []
    for start, end in ((0, 1), (1, 4), (4, 5), (5, 7)):
        y, state = mixer(x[:, start:end], Context(start, causal=True), state)
        assert state.inputs.shape == (BATCH, kernel - 1, D_MODEL)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, 1), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_the_others(kind: str) -> None:
    torch.manual_seed(2)
    mixer, x = build_convolution(kind, 4), torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    together, _ = mixer(x, Context())
    torch.testing.assert_close(torch.cat([mixer(row[None], Context())[0] for row in x]), together)


def test_layers_take_their_kernels_in_turn_and_the_last_is_that_of_all_others() -> None:
    settings = MIXER_SETTINGS["dynamic-convolution"].model_validate({"kernel": [3, 7, 15]})
    kernels = [MIXERS["dynamic-convolution"](settings, Site(16, 9, 9, layer)).kernel for layer in range(5)]
    assert kernels == [3, 7, 15, 15, 15]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_dropped_weights_leave_the_mean_and_act_in_training_alone(kind: str) -> None:
    torch.manual_seed(3)
    mixer = build_convolution(kind, 9, dropout=0.3)
    x = torch.randn(1, LENGTH, D_MODEL, dtype=torch.float64)
    whole, _ = mixer(x, Context())
    mixer.train()
    mean = torch.stack([mixer(x, Context())[0] for _ in range(4000)]).mean(0)
    assert not torch.equal(mixer(x, Context())[0], whole)
    torch.testing.assert_close(mean, whole, rtol=0, atol=0.3)
