"""Linformer against its sums written out, in float64: forward, gradients, padding, documents, lengths."""

import pytest
import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Linformer, Site
from synthcli.model_config.linformer import LinformerConfig

BATCH, LENGTH, D_MODEL, HEADS, LIMIT = 3, 7, 12, 3, 11
SHARINGS = ("none", "heads", "key-value")


def build_linformer(sharing: str, **more: object) -> Linformer:
    config = LinformerConfig.model_validate({"heads": HEADS, "k": 5, "sharing": sharing, **more})
    mixer = Linformer(config, Site(D_MODEL, LIMIT, LIMIT)).double().eval()
    for parameter in mixer.parameters():
        torch.nn.init.normal_(parameter)
    return mixer


def written_out(mixer: Linformer, x: Tensor, may_read: Tensor) -> Tensor:
    """Sum position by position; `may_read` (batch, query, key) is True where a query sums over a key."""
    E = mixer.key_length
    F = E if mixer.value_length is None else mixer.value_length
    split = lambda y: y.unflatten(-1, (HEADS, -1))  # noqa: E731
    q, k, v = split(mixer.query(x)), split(mixer.key(x)), split(mixer.value(x))
    rows = []
    for b in range(len(x)):
        for i in range(x.shape[1]):
            seen = [j for j in range(x.shape[1]) if may_read[b, i, j]]
            for h in range(HEADS):
                table = h if len(E) > 1 else 0
                nothing = torch.zeros(E.shape[1], q.shape[-1], dtype=x.dtype)
                keys = nothing + sum(torch.outer(E[table, :, j], k[b, j, h]) for j in seen)
                values = nothing + sum(torch.outer(F[table, :, j], v[b, j, h]) for j in seen)
                weights = (keys @ q[b, i, h] / q.shape[-1] ** 0.5).softmax(0)
                rows.append(weights @ values)
    return mixer.output(torch.stack(rows).view(*x.shape[:2], -1))


def everything(x: Tensor) -> Tensor:
    return torch.ones(len(x), x.shape[1], x.shape[1], dtype=torch.bool)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["whole", "padded", "packed", "wide heads"])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_it_is_the_formula_forward_and_backward(sharing: str, case: str) -> None:
    torch.manual_seed(0)
    mixer = build_linformer(sharing, **({"d_head": 5} if case == "wide heads" else {}))
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    may_read, context = everything(x), Context()
    if case == "padded":
        padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
        padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
        may_read, context = may_read & ~padding[:, None], Context(key_padding=padding)
    elif case == "packed":
        documents = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0] * 7, [0, 1, 1, 1, 1, 1, 2]])
        may_read = documents[:, :, None] == documents[:, None]
        context = Context(documents=documents)
    y, _ = mixer(x, context)
    want = written_out(mixer, x, may_read)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)
    wanted, weight = [x, *mixer.parameters()], torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted)
    theirs = torch.autograd.grad((want * weight).sum(), wanted)
    for mine, other in zip(got, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_one_document_is_the_whole_window() -> None:
    torch.manual_seed(1)
    mixer, x = build_linformer("none"), torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    whole, _ = mixer(x, Context())
    packed, _ = mixer(x, Context(documents=torch.zeros(BATCH, LENGTH, dtype=torch.long)))
    torch.testing.assert_close(packed, whole)


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(2)
    mixer, x = build_linformer("heads"), torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    together, _ = mixer(x, Context())
    torch.testing.assert_close(torch.cat([mixer(row[None], Context())[0] for row in x]), together)


def test_a_text_longer_than_the_tables_is_refused() -> None:
    mixer = build_linformer("heads")
    with pytest.raises(SynthError, match=f"a sequence of 12 positions is longer than .*{LIMIT}"):
        mixer(torch.randn(1, LIMIT + 1, D_MODEL, dtype=torch.float64), Context())


def test_dropout_acts_in_training_alone() -> None:
    mixer, x = build_linformer("heads", dropout=0.5), torch.randn(2, LENGTH, D_MODEL, dtype=torch.float64)
    assert torch.equal(mixer(x, Context())[0], mixer(x, Context())[0])
    mixer.train()
    assert not torch.equal(mixer(x, Context())[0], mixer(x, Context())[0])


def test_its_start_keeps_the_size_of_keys() -> None:
    torch.manual_seed(3)
    mixer = Linformer(LinformerConfig(heads=2, k=64), Site(32, 400, 400))
    mixer.initialise_parameters()
    rows = mixer.key_length @ torch.randn(2, 400, 16)
    assert rows.std().item() == pytest.approx(1, abs=0.1)
