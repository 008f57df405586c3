"""The forms of few operations, which a GPU runs, compute what those of a processor do."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synthcli.model import build
from synthcli.model.context import Context
from synthcli.model.mixers import masks, sru
from synthcli.model.scores import rotary
from synthcli.objectives import OBJECTIVES, segment_lm
from tests.model.combinations import VOCAB, tiny

LENGTH = 7
RULED = ("norms", "gains", "mixers.attention", "mixers.sru")


@contextmanager
def launches_counted() -> Iterator[None]:
    """Let every tensor count as one of a GPU."""
    with ExitStack() as stack:
        for name in RULED:
            stack.enter_context(mock.patch(f"synthcli.model.{name}.counts_launches", lambda x: True))
        yield


def _batch(task: str) -> dict[str, Any]:
    """Three sequences, one with padding, or packed documents."""
    torch.manual_seed(1)
    tokens, padding = torch.randint(VOCAB, (3, LENGTH)), torch.zeros(3, LENGTH, dtype=torch.bool)
    padding[1, 4:] = True
    if task == "seq2seq":
        return {"source": tokens.flip(1), "tokens": tokens, "targets": tokens, "source_padding": padding}
    if task == "causal-lm":
        return {"tokens": tokens, "targets": tokens, "documents": torch.tensor([[0, 0, 0, 1, 1, 2, 2]] * 3)}
    return {"tokens": tokens, "targets": tokens, "padding": padding}


def model_of(task: str, block: Any, mixer: str, layers: int = 2) -> Any:
    torch.manual_seed(0)
    more = {"embeddings": {"positions": "none"}} if block == "recurrent" else {}
    model = build(tiny(task, block, mixer, layers, dropout=0.0, **more)).double().train()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def loss_of(model: Any, task: str) -> Tensor:
    if not model.config.is_recurrent:
        return OBJECTIVES[task](model, _batch(task), 0.1)[0]
    batch, total = _batch("masked-lm"), torch.zeros((), dtype=torch.float64)
    state = model.initial_state()
    for _ in range(2):  # the second segment reads the memory of the first
        loss, _, state = segment_lm(model, batch, state, 0.1)
        total = total + loss
    return total


MODELS = [
    ("seq2seq", "pre-norm", "dot-product"),
    ("seq2seq", {"kind": "post-norm", "norm": "rms"}, "dot-product"),
    ("causal-lm", {"kind": "pre-norm", "norm": "rms"}, "dot-product"),
    ("causal-lm", "skipless", "dot-product"),
    ("causal-lm", "recurrent", "srupp"),
    ("masked-lm", "parallel", "few wide heads"),
    ("masked-lm", "pre-norm", "dense + dot-product, softmax"),
    ("masked-lm", "pre-norm", "random"),
]


@pytest.mark.parametrize(("task", "block", "mixer"), MODELS)
def test_a_model_computes_the_same_where_launches_count(task: str, block: Any, mixer: str) -> None:
    model = model_of(task, block, mixer)
    parameters = [p for p in model.parameters() if p.requires_grad]
    pairs = []
    loss = loss_of(model, task)
    pairs.append((loss, *torch.autograd.grad(loss, parameters)))
    with launches_counted():
        loss = loss_of(model, task)
        pairs.append((loss, *torch.autograd.grad(loss, parameters)))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("keys", [1, 16, 37])
def test_an_added_mask_is_what_fused_attention_makes_of_a_bool_one(keys: int) -> None:
    torch.manual_seed(0)
    visible = torch.rand(2, 1, 5, keys) < 0.5
    visible[..., 0] = True
    added = masks.additive_mask(visible, torch.float64)
    assert not added[visible].any() and bool((added[~visible] == -torch.inf).all())
    assert all(stride % 16 == 0 for stride in added.stride()[:-1])
    query, key, value = (torch.randn(2, 3, n, 4, dtype=torch.float64) for n in (5, keys, keys))
    both = [F.scaled_dot_product_attention(query, key, value, mask) for mask in (visible, added)]
    torch.testing.assert_close(*both)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(
    ("task", "block", "mixer", "wanted"),
    [
        ("masked-lm", "pre-norm", "dot-product", 1),
        ("causal-lm", "pre-norm", "dense", 1),
        ("causal-lm", "recurrent", "srupp", 1),
        # of encoder and cross-attention over padding, of the decoder's causality none
        ("seq2seq", "pre-norm", "dot-product", 2),
    ],
)
def test_a_mask_is_made_once_for_all_layers(
    monkeypatch: pytest.MonkeyPatch, task: str, block: str, mixer: str, wanted: int, counted: bool
) -> None:
    made: list[tuple[Any, ...]] = []

    def watch(*given: Any) -> Any:
        made.append(given)
        return make(*given)

    make = masks._visible_keys
    monkeypatch.setattr(masks, "_visible_keys", watch)
    model = model_of(task, block, mixer, layers=3)
    if counted:
        with launches_counted():
            loss_of(model, task)
    else:
        loss_of(model, task)
    assert len(made) == wanted


def test_masks_of_other_limits_are_others() -> None:
    padding = torch.zeros(1, 6, dtype=torch.bool)
    padding[0, 5] = True
    made: dict[Any, Any] = {}
    plain, padded = Context(causal=True, made=made), Context(causal=True, key_padding=padding, made=made)
    later, banded = Context(2, causal=True, made=made), Context(causal=True, window=1, made=made)
    found = [masks.visible_keys(c, True, 4, 6, padding.device) for c in (plain, padded, later, banded)]
    assert len(made) == len(found)
    for one, context in zip(found, (plain, padded, later, banded), strict=True):
        alone = Context(context.start, True, context.key_padding, window=context.window)
        assert torch.equal(one, masks.visible_keys(alone, True, 4, 6, padding.device))  # type: ignore[arg-type]


def test_dropout_over_time_is_drawn_in_the_type_it_is_read_in(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Tensor] = []
    monkeypatch.setattr(sru, "dropout", lambda ones, rate: given.append(ones) or ones)
    more = {"embeddings": {"positions": "none"}, "dropout": 0.5}
    model = build(tiny("causal-lm", "recurrent", "sru", 3, **more)).bfloat16().train()
    tokens = torch.zeros(2, 4, dtype=torch.long)
    model(tokens)
    with launches_counted():
        model(tokens)
    processor, gpu = given[:2], given[2:]  # the last layer draws none
    assert [ones.dtype for ones in processor] == [torch.bfloat16] * 2
    assert gpu[0] is gpu[1] and gpu[0].dtype == torch.float32 and bool((gpu[0] == 1).all())


@pytest.mark.parametrize("start", [0, 3])
def test_turns_of_positions_are_made_once_for_all_layers(monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    made: list[tuple[Any, ...]] = []
    turns = rotary.turns
    monkeypatch.setattr(rotary, "turns", lambda *given: made.append(given) or turns(*given))
    model = build(tiny("causal-lm", "pre-norm", "dot-product", 3, embeddings={"positions": "rotary"}))
    tokens = torch.zeros(2, start + 4, dtype=torch.long)
    _, state = model(tokens[:, :start], state=model.initial_state()) if start else (None, None)
    made.clear()
    model(tokens[:, start:], state=state)
    assert [given[:2] for given in made] == [(start, 4)]
