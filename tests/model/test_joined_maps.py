"""Maps cast together, and those of one input in one product, against each by itself."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from synthcli.model import build, joined_maps
from synthcli.model.joined_maps import JoinedMaps, Joining, cast_groups, cast_together
from synthcli.model.mixers import sru
from synthcli.model.stack import CAST_TOGETHER
from tests.model.combinations import tiny
from tests.model.test_launches import loss_of, model_of


def _maps(*biases: bool) -> tuple[nn.Linear, ...]:
    torch.manual_seed(0)
    return tuple(nn.Linear(5, 3 + n, bias, dtype=torch.float64) for n, bias in enumerate(biases))


@pytest.mark.parametrize("biases", [(True,), (False,), (True, True), (False, False), (True, True, False)])
def test_joined_maps_are_each_map_and_so_are_their_derivatives(biases: tuple[bool, ...]) -> None:
    maps, x = _maps(*biases), torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    leaves = [x, *(p for one in maps for p in one.parameters())]
    (joined,) = cast_groups([maps], torch.float64)
    pairs = []
    for outputs in (joined(x), {one: one(x) for one in maps}):
        total = sum(y.pow(3).sum() for y in outputs.values())
        firsts = torch.autograd.grad(total, leaves, retain_graph=True)
        again = torch.autograd.grad(total, leaves, create_graph=True)
        seconds = torch.autograd.grad(sum(g.square().sum() for g in again), leaves)
        pairs.append((*outputs.values(), *firsts, *seconds))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_what_is_cast_has_the_bits_and_the_gradient_of_a_cast() -> None:
    maps = tuple(one.float() for one in _maps(True, False, True))
    groups = [maps[:2], maps[2:]]
    joined = cast_groups(groups, torch.bfloat16)
    for group, one in zip(groups, joined, strict=True):
        assert torch.equal(one.weight, torch.cat([m.weight for m in group]).bfloat16())
    assert torch.equal(joined[0].bias[:3], maps[0].bias.bfloat16()) and not joined[0].bias[3:].any()  # type: ignore[index]
    given = torch.randn_like(joined[0].weight)
    (joined[0].weight * given).sum().backward()
    assert torch.equal(maps[0].weight.grad, given[:3].float())  # type: ignore[arg-type]
    assert maps[2].weight.grad is None and maps[0].bias.grad is None, "what is not read has no gradient"


def test_a_frozen_map_stays_without_gradient() -> None:
    maps = _maps(True, True)
    maps[0].requires_grad_(False)
    (joined,) = cast_groups([maps], torch.float64)
    sum(y.sum() for y in joined(torch.ones(1, 5, dtype=torch.float64)).values()).backward()  # type: ignore[union-attr]
    assert maps[0].weight.grad is None and maps[1].weight.grad is not None


MODELS = [
    ("seq2seq", "pre-norm", "dot-product", 6),  # two layers: encoder, decoder and what reads the memory
    ("seq2seq", {"kind": "pre-norm", "values_from": "stream"}, "dot-product", 2),  # the memory alone
    ("causal-lm", {"kind": "pre-norm", "norm": "rms"}, "dot-product", 2),
    ("causal-lm", "recurrent", "srupp", 4),  # two segments
    ("masked-lm", "pre-norm", "dense + dot-product, softmax", 0),
]


@pytest.mark.parametrize(("task", "block", "mixer", "products"), MODELS)
def test_a_model_of_joined_maps_computes_the_same(
    monkeypatch: pytest.MonkeyPatch, task: str, block: Any, mixer: str, products: int
) -> None:
    model = model_of(task, block, mixer)
    parameters = [p for p in model.parameters() if p.requires_grad]
    want = loss_of(model, task)
    wanted = torch.autograd.grad(want, parameters)
    for module in (joined_maps, sru):
        monkeypatch.setattr(module, "products_dtype", lambda x: torch.float64)
    read: list[JoinedMaps] = []
    call = JoinedMaps.__call__
    monkeypatch.setattr(JoinedMaps, "__call__", lambda self, x: read.append(self) or call(self, x))
    got = loss_of(model, task)
    assert len(read) == products
    for one, other in zip((got, *torch.autograd.grad(got, parameters)), (want, *wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def test_a_stack_is_cast_a_few_blocks_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("causal-lm", "pre-norm", "dot-product", layers=CAST_TOGETHER + 1)
    want = loss_of(model, "causal-lm")
    counts: list[int] = []
    monkeypatch.setattr(joined_maps, "products_dtype", lambda x: torch.float64)
    monkeypatch.setattr(
        joined_maps, "cast_groups", lambda maps, dtype: counts.append(len(maps)) or cast_groups(maps, dtype)
    )
    torch.testing.assert_close(loss_of(model, "causal-lm"), want, rtol=1e-9, atol=1e-10)
    of_a_block = 4  # query, key and value; output; two of the feed-forward
    assert counts == [CAST_TOGETHER * of_a_block, of_a_block]


def test_gates_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(tiny("causal-lm", "pre-norm", "dot-product", gated=True)).double()
    want = loss_of(model, "causal-lm")
    monkeypatch.setattr(joined_maps, "products_dtype", lambda x: torch.float64)
    torch.testing.assert_close(loss_of(model, "causal-lm"), want, rtol=1e-9, atol=1e-10)
    with cast_together(model.decoder.blocks[0], torch.zeros(1)):
        assert len(model.decoder.blocks[0].feed_forward.joined.maps) == 2


def _block(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(joined_maps, "products_dtype", lambda x: torch.bfloat16)
    return build(tiny("causal-lm", "pre-norm", "dot-product")).decoder.blocks[0]


def test_a_block_has_its_parameters_again_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    block = _block(monkeypatch)
    before = dict(block.named_parameters())
    with pytest.raises(RuntimeError, match="on the way"), cast_together(block, torch.zeros(1)):
        assert block.feed_forward.output.weight.dtype == torch.bfloat16
        raise RuntimeError("on the way")
    after = dict(block.named_parameters())
    assert before.keys() == after.keys() and all(before[name] is after[name] for name in before)
    assert not any(one.joined for one in block.modules() if isinstance(one, Joining))


def test_a_watched_map_is_read_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    block = _block(monkeypatch)
    watched = block.mixer.value.register_forward_hook(lambda *what: None)
    with watched, cast_together(block, torch.zeros(1)):
        assert block.mixer.value not in block.mixer.joined.maps and len(block.mixer.joined.maps) == 2


class _Widened(nn.Linear):
    """A map with something added, as an adapter adds it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


def test_a_map_of_its_own_kind_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    block = _block(monkeypatch)
    block.mixer.output = _Widened(16, 16)
    with cast_together(block, torch.zeros(1)):
        assert block.mixer.output.weight.dtype == torch.float32


def test_there_is_nothing_to_cast_on_a_processor_or_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert joined_maps.products_dtype(x) is None
        monkeypatch.setattr(joined_maps, "counts_launches", lambda x: True)
        assert joined_maps.products_dtype(x) == torch.bfloat16
        assert joined_maps.products_dtype(x.double()) is None, "autocast leaves float64 alone"
    assert joined_maps.products_dtype(x) is None
