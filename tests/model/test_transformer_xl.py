"""Transformer-XL against its four terms summed pair by pair, in float64, without a shift: memory included."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model import detach_state
from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site, TransformerXL
from synthcli.model.mixers.transformer_xl import SegmentState
from synthcli.model.scores.relative import shift_rows
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.transformer_xl import TransformerXLConfig

from .small_models import model_of

BATCH, LENGTH, D_MODEL, HEADS = 3, 7, 10, 2

BIASED = {"scores": [{"kind": "relative", "bias": True}]}
CLAMPED = {"scores": [{"kind": "relative", "clamp": 2}]}


def build_mixer(**more: object) -> TransformerXL:
    config = TransformerXLConfig.model_validate({"heads": HEADS, **more})
    return randomise(TransformerXL(config, Site(D_MODEL, 50, 50)))


def randomise(mixer: Any) -> Any:
    for parameter in mixer.double().eval().parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return mixer


def waves(distance: int, width: int) -> Tensor:
    """sin(d / 10000^{2i/width}) of every i, and then the cosines."""
    angles = [distance / 10_000 ** (2 * i / width) for i in range((width + 1) // 2)]
    both = [*map(math.sin, angles), *map(math.cos, angles)]
    return torch.tensor(both[:width], dtype=torch.float64)


def written_out(attention: Attention, x: Tensor, everything: Tensor, may_read: Tensor) -> Tensor:
    """(a) + (b) + (c) + (d) of the paper for every pair; the queries x are the last of everything."""
    score: Any = attention.scores[0]
    split = lambda y: y.unflatten(-1, (attention.config.heads, -1))  # noqa: E731
    q, k, v = split(score.query(x)), split(score.key(everything)), split(attention.value(everything))
    before, clamp, rows = everything.shape[1] - x.shape[1], score.config.clamp, []
    for b in range(len(x)):
        for i in range(x.shape[1]):
            seen = [j for j in range(everything.shape[1]) if may_read[b, i, j]]
            for h in range(attention.config.heads):
                logits = []
                for j in seen:
                    distance = before + i - j
                    if clamp is not None:
                        distance = max(-clamp, min(clamp, distance))
                    r = split(score.distance(waves(distance, x.shape[2])))[h]
                    content = q[b, i, h] @ k[b, j, h] + score.u[h, 0] @ k[b, j, h]
                    place = q[b, i, h] @ r + score.v[h, 0] @ r
                    logits.append((content + place) / math.sqrt(q.shape[-1]))
                value = v[b, seen, h]
                rows.append(torch.stack(logits).softmax(0) @ value if seen else 0 * v[b, 0, h])
    return attention.output(torch.stack(rows).view(*x.shape[:2], -1))


def compare(got: Tensor, want: Tensor, wanted: list[Tensor]) -> None:
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(got)
    mine = torch.autograd.grad((got * weight).sum(), wanted, retain_graph=True)
    other = torch.autograd.grad((want * weight).sum(), wanted)
    for one, two in zip(mine, other, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["encoder", "decoder", "padded", "packed", "window", "one position"])
@pytest.mark.parametrize("more", [{}, {"d_head": 3, "bias": True, **BIASED}, CLAMPED], ids=str)
def test_it_is_the_formula_forward_and_backward(more: dict[str, object], case: str) -> None:
    torch.manual_seed(0)
    mixer, length = build_mixer(**more), 1 if case == "one position" else LENGTH
    x = torch.randn(BATCH, length, D_MODEL, dtype=torch.float64, requires_grad=True)
    past = torch.ones(length, length, dtype=torch.bool).tril().expand(BATCH, -1, -1)
    may_read, context = past, Context(causal=True)
    if case == "encoder":
        may_read, context = torch.ones_like(past), Context()
    elif case == "padded":
        padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
        padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
        may_read, context = past & ~padding[:, None], Context(causal=True, key_padding=padding)
    elif case == "packed":
        documents = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0] * 7, [0, 1, 1, 1, 1, 1, 2]])
        may_read = past & (documents[:, :, None] == documents[:, None])
        context = Context(causal=True, documents=documents)
    elif case == "window":
        may_read, context = past & torch.ones(length, length).bool().triu(-2), Context(causal=True, window=2)
    y, _ = mixer(x, context)
    wanted = [p for name, p in mixer.named_parameters() if not name.endswith("key.bias")]
    if length == 1:
        wanted = [mixer.attention.value.weight, mixer.attention.output.weight]  # a softmax over one key is 1
    compare(y, written_out(mixer.attention, x, x, may_read), [x, *wanted])


@pytest.mark.slow
@pytest.mark.parametrize(("before", "memory", "kept"), [(7, None, 7), (3, 5, 5), (20, 20, 20), (2, 30, 9)])
def test_training_reads_a_memory_that_no_gradient_enters(before: int, memory: int | None, kept: int) -> None:
    torch.manual_seed(1)
    mixer = build_mixer(memory=memory).train()
    past = torch.randn(BATCH, before, D_MODEL, dtype=torch.float64)
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    everything = torch.cat((past, x), dim=1)
    y, state = mixer(x, Context(before, causal=True), SegmentState(past))
    positions = before + LENGTH
    may_read = torch.ones(LENGTH, positions, dtype=torch.bool).tril(before).expand(BATCH, -1, -1)
    compare(y, written_out(mixer.attention, x, everything, may_read), [x, *mixer.parameters()])
    assert state is not None and state.memory is not None and not state.memory.requires_grad
    assert torch.equal(state.memory, everything[:, -kept:].detach())


@pytest.mark.slow
@pytest.mark.parametrize("window", [None, 1, 4, 11])
@pytest.mark.parametrize("block", ["post-norm", "pre-norm", "skipless-parallel"])
def test_a_text_read_in_segments_is_the_text_read_at_once(block: str, window: int | None) -> None:
    """Where the memory is long enough, or a window says how far a position sees."""
    model = model_of(block, {"kind": "transformer-xl"}, embeddings={"positions": "none"})
    randomise(model)
    tokens = torch.randint(model.config.vocab_size, (BATCH, 12))
    whole, _ = model(tokens, window=window)
    for sizes in ([1] * 12, [5, 7], [4, 4, 4], [2, 1, 6, 3]):
        pieces, state = [], model.initial_state()
        for piece in tokens.split(sizes, 1):
            logits, state = model(piece, state=state, window=window)
            pieces.append(logits)
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-9, atol=1e-9)


def test_training_on_segments_is_training_on_the_text_where_memory_is_long_enough() -> None:
    """Values; gradients stop at the segment."""
    model = model_of("post-norm", {"kind": "transformer-xl", "memory": 99}, embeddings={"positions": "none"})
    model.train()
    tokens = torch.randint(model.config.vocab_size, (BATCH, 12))
    whole, _ = model(tokens)
    pieces, state = [], model.initial_state()
    for piece in tokens.split([5, 4, 3], 1):
        logits, state = model(piece, state=detach_state(state))
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-9, atol=1e-9)


def test_it_knows_the_order_of_what_it_reads_and_not_where_it_stands() -> None:
    torch.manual_seed(2)
    mixer, x = build_mixer(), torch.randn(1, 4, D_MODEL, dtype=torch.float64)
    y, _ = mixer(x, Context())
    turned, _ = mixer(x.flip(1), Context())
    assert not torch.allclose(turned.flip(1), y)
    far = torch.randn(1, 900, D_MODEL, dtype=torch.float64)
    documents = torch.tensor([[0] * 900 + [1] * 4])
    late, _ = mixer(torch.cat((far, x), 1), Context(documents=documents))
    torch.testing.assert_close(late[:, -4:], y)


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 5), (4, 4), (3, 8), (5, 2)])
def test_a_shift_takes_the_column_of_each_distance(queries: int, keys: int) -> None:
    x = torch.randn(2, 3, queries, queries + keys - 1)
    want = torch.stack([x[:, :, i, queries - 1 - i :][..., :keys] for i in range(queries)], dim=2)
    assert torch.equal(shift_rows(x, keys), want)


def test_the_score_stands_beside_others_in_plain_attention() -> None:
    torch.manual_seed(3)
    scores = [{"kind": "relative"}, {"kind": "random"}]
    config = AttentionConfig.model_validate({"heads": HEADS, "scores": scores, "mix": "sum"})
    attention = randomise(Attention(config, Site(D_MODEL, 20, 20)))
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    whole, state, pieces = attention(x, Context(causal=True))[0], attention.initial_state(), []
    for start, end in ((0, 2), (2, 3), (3, 7)):
        y, state = attention(x[:, start:end], Context(start, causal=True), state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-10, atol=1e-10)


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(4)
    mixer = build_mixer()
    x, past = (torch.randn(BATCH, n, D_MODEL, dtype=torch.float64) for n in (LENGTH, 5))
    together, _ = mixer(x, Context(5, causal=True), SegmentState(past))
    alone = [mixer(x[[b]], Context(5, causal=True), SegmentState(past[[b]]))[0] for b in range(BATCH)]
    torch.testing.assert_close(torch.cat(alone), together)
