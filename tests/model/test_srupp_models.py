"""Models of SRU++: segments with the state are the whole, and what learns at the start."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model import ModelConfig, build, detach_state

BATCH, D_MODEL, PROJECTION = 2, 6, 4


def language_model(layers: int = 3, dropout: float = 0.0, positions: str = "none", **mixer: Any) -> Any:
    table = {"kind": "srupp", "projection": PROJECTION, **mixer}
    config = {
        "task": "causal-lm", "vocab_size": 13, "d_model": D_MODEL, "dropout": dropout,
        "block": "recurrent", "mixer": table, "decoder": {"layers": layers, "max_length": 32},
        "embeddings": {"positions": positions}, "init": {"kind": "xavier-uniform"},
    }  # fmt: skip
    torch.manual_seed(0)
    return build(ModelConfig.model_validate(config)).double().eval()


@pytest.mark.slow
@pytest.mark.parametrize("window", [None, 0, 1, 4, 11])
@pytest.mark.parametrize(
    "table",
    [{}, {"attention_every": 2, "heads": 2}, {"attention_last": 1, "layer_norm": "before"}, {"hidden": 5}],
    ids=str,
)
def test_evaluation_does_not_depend_on_the_length_of_segments(
    table: dict[str, Any], window: int | None
) -> None:
    for positions in ("none", "rotary") if table == {} else ("none",):
        model = language_model(positions=positions, **table)
        for block in model.decoder.blocks:
            if block.mixer.alpha is not None:
                torch.nn.init.constant_(block.mixer.alpha, 2.0)
        tokens = torch.randint(13, (BATCH, 12))
        whole, _ = model(tokens, window=window)
        for sizes in ([1] * 12, [5, 7], [4, 4, 4], [2, 1, 6, 3], [12]):
            pieces, state = [], model.initial_state()
            for piece in tokens.split(sizes, 1):
                logits, state = model(piece, state=state, window=window)
                pieces.append(logits)
            torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["random", "dense", "factorized-random", "factorized-dense"])
def test_a_synthesizer_inside_decodes_as_it_reads(kind: str) -> None:
    model = language_model(scores=[{"kind": kind}])
    for block in model.decoder.blocks:
        torch.nn.init.constant_(block.mixer.alpha, 2.0)
    tokens = torch.randint(13, (BATCH, 9))
    first, state = model(tokens[:, :4], state=model.initial_state())
    second, _ = model(tokens[:, 4:], state=state)
    whole, _ = model(tokens)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-9, atol=1e-9)
    names = {name.rsplit(".", 1)[0] for name, _ in model.decoder.blocks[0].mixer.attention.named_parameters()}
    assert not any("key" in name or "query" in name for name in names)


@pytest.mark.parametrize("kind", ["random", "dense", "factorized-random", "factorized-dense"])
def test_tables_of_a_synthesizer_reach_over_two_segments(kind: str) -> None:
    """Segments are as long as `max_length`, and attention sees the one before."""
    model = language_model(scores=[{"kind": kind}])
    for window in (None, 32):
        model.train(window is None)
        state = model.initial_state()
        for _ in range(3):
            logits, state = model(torch.randint(13, (BATCH, 32)), state=detach_state(state), window=window)
        assert logits.isfinite().all()


def test_attention_starts_with_no_weight() -> None:
    """α = 0: the same W_1 and W_3 give the same numbers where only the last layer has attention."""
    with_attention, without = language_model(), language_model(attention_every=3)
    kept = {name: t for name, t in with_attention.state_dict().items() if name in without.state_dict()}
    without.load_state_dict(kept)
    tokens = torch.randint(13, (BATCH, 7))
    assert torch.equal(with_attention(tokens)[0], without(tokens)[0])
    with_attention(tokens)[0].square().sum().backward()
    for block in with_attention.decoder.blocks:
        assert not block.mixer.alpha.any() and block.mixer.alpha.grad.any()
        assert not block.mixer.attention.value.weight.grad.any()  # it learns once α has left 0


def test_no_gradient_crosses_from_a_segment_to_the_one_before_it_through_the_memory() -> None:
    model = language_model().train()
    seen: list[Tensor] = []

    def keep(module: Any, args: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    with model.embeddings.register_forward_hook(keep):
        _, state = model(torch.randint(13, (BATCH, 4)), state=model.initial_state())
        memories = [block.mixer.memory for block in state.blocks]
        assert all(not memory.requires_grad for memory in memories)
        assert torch.equal(memories[0], seen[0])
        logits, _ = model(torch.randint(13, (BATCH, 4)), state=detach_state(state))
    first, second = torch.autograd.grad(logits.square().sum(), seen, allow_unused=True)
    assert first is None and second is not None


def test_initial_values_at_depth() -> None:
    """W_3 is Xavier's times √(1 − dropout); ten layers start with finite logits and a loss near ln V."""
    model = language_model(layers=10, dropout=0.36, projection=2 * PROJECTION)
    expand = model.decoder.blocks[3].mixer.expand.weight
    edge = (6 / (2 * PROJECTION + 3 * D_MODEL)) ** 0.5 * (1 - 0.36) ** 0.5
    assert 0.9 * edge < expand.abs().max().item() <= edge
    logits, _ = model(torch.randint(13, (BATCH, 9)))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(13, (BATCH * 9,)))
    assert abs(loss.item() / math.log(13) - 1) < 0.3
