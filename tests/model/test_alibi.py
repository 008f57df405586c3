"""ALiBi against −m_h |i − j| written out, in float64: every form of attention, steps, slopes, documents."""

from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.compress.merge.concatenate import concatenate_heads
from synthcli.compress.merge.span import Span
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site
from synthcli.model.scores.alibi import slopes_of
from synthcli.model_config.attention import AttentionConfig

from .small_models import model_of

BATCH, LENGTH, D_MODEL = 3, 7, 24
SCORES: dict[str, Any] = {
    "fused": [{"kind": "dot-product"}],
    "general": [{"kind": "dot-product", "soft_cap": 3.0}],
    "beside a table": [{"kind": "random"}, {"kind": "dot-product"}],
}


def test_slopes_are_those_of_the_paper() -> None:
    """Of 8 heads 1/2, 1/4 … 1/256; of 12 those, and 2^−0.5, 2^−1.5, 2^−2.5, 2^−3.5 after them."""
    assert slopes_of(8) == [2.0**-h for h in range(1, 9)]
    assert slopes_of(1) == [2.0**-8] and slopes_of(2) == [2.0**-4, 2.0**-8]
    assert slopes_of(12) == [2.0**-h for h in range(1, 9)] + [2.0 ** -(h + 0.5) for h in range(4)]
    assert slopes_of(3) == [2.0**-4, 2.0**-8, 2.0**-2]
    assert [len(slopes_of(heads)) for heads in range(1, 40)] == list(range(1, 40))


def build_attention(name: str, heads: int) -> Attention:
    config = AttentionConfig.model_validate({"heads": heads, "scores": SCORES[name], "mix": "sum"})
    attention = Attention(config, Site(D_MODEL, 20, 20, alibi=True)).double().eval()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return attention


def written_out(attention: Attention, x: Tensor, may_read: Tensor) -> Tensor:
    """Softmax of each query over what it may read, the distance subtracted from the product of q and k."""
    heads, rows = attention.config.heads, []
    split = lambda y: y.unflatten(-1, (heads, -1))  # noqa: E731
    score: Any = attention.scores[-1]
    q, k, v = split(score.query(x)), split(score.key(x)), split(attention.value(x))
    cap = score.config.soft_cap
    for b in range(BATCH):
        for i in range(LENGTH):
            for h in range(heads):
                seen = [j for j in range(LENGTH) if may_read[b, i, j]]
                logits = []
                for j in seen:
                    s = q[b, i, h] @ k[b, j, h] / q.shape[-1] ** 0.5
                    s = s if cap is None else cap * torch.tanh(s / cap)
                    s = s - slopes_of(heads)[h] * abs(i - j)
                    if len(attention.scores) > 1:
                        s = s + attention.scores[0].table[h, i, j]  # type: ignore[index]
                    logits.append(s)
                value = v[b, seen, h]
                rows.append(torch.stack(logits).softmax(0) @ value if seen else 0 * v[b, 0, h])
    return attention.output(torch.stack(rows).view(BATCH, LENGTH, -1))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["encoder", "decoder", "padded", "packed", "window"])
@pytest.mark.parametrize("heads", [2, 3, 12])
@pytest.mark.parametrize("name", SCORES)
def test_every_form_is_the_formula_forward_and_backward(name: str, heads: int, case: str) -> None:
    torch.manual_seed(0)
    attention = build_attention(name, heads)
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    past = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril().expand(BATCH, -1, -1)
    may_read, context = torch.ones_like(past), Context()
    if case == "decoder":
        may_read, context = past, Context(causal=True)
    elif case == "padded":
        padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
        padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
        may_read, context = past & ~padding[:, None], Context(causal=True, key_padding=padding)
    elif case == "packed":
        documents = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0] * 7, [0, 1, 1, 1, 1, 1, 2]])
        may_read = past & (documents[:, :, None] == documents[:, None])
        context = Context(causal=True, documents=documents)
    elif case == "window":
        may_read, context = past & past.new_ones(LENGTH, LENGTH).triu(-2), Context(causal=True, window=2)
    y, _ = attention(x, context)
    want = written_out(attention, x, may_read)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)
    wanted = [p for p in (x, *attention.parameters()) if p.requires_grad]
    weight = torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted, allow_unused=True)
    theirs = torch.autograd.grad((want * weight).sum(), wanted, allow_unused=True)
    for mine, other in zip(got, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", SCORES)
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    torch.manual_seed(1)
    attention, x = build_attention(name, 3), torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    together, _ = attention(x, Context(causal=True))
    alone = [attention(row[None], Context(causal=True))[0] for row in x]
    torch.testing.assert_close(torch.cat(alone), together)


@pytest.mark.parametrize("block", ["pre-norm", "parallel", "skipless", "skipless-parallel"])
def test_any_steps_are_the_whole(block: str) -> None:
    model = model_of(block, {}, embeddings={"positions": "alibi"}).double().eval()
    tokens = torch.randint(model.config.vocab_size, (2, 9))
    whole, _ = model(tokens)
    for sizes in ([1] * 9, [4, 1, 4]):
        pieces, state = [], model.initial_state()
        for piece in tokens.split(sizes, 1):
            logits, state = model(piece, state=state)
            pieces.append(logits)
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-9, atol=1e-9)


def test_heads_whose_slopes_follow_their_numbers_are_not_pooled() -> None:
    config = model_of("pre-norm", {}, embeddings={"positions": "alibi"}).config
    with pytest.raises(SynthError, match='heads with `positions = "alibi"` cannot be pooled'):
        concatenate_heads(config, Span("decoder", 0, 1), [0, 1])
