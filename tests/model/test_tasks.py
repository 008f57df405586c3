"""Whole models: which rows of logits they return, shapes of classifiers, token types."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from synthcli.model import ModelConfig, build

VOCAB, LENGTH = 11, 7
STACK = {"layers": 2, "max_length": 9}
TASKS: dict[str, dict[str, Any]] = {
    "causal-lm": {"decoder": STACK},
    "masked-lm": {"encoder": STACK, "head": {"transform": True, "bias": True}},
    "seq2seq": {"encoder": STACK, "decoder": STACK},
    "classification": {"encoder": STACK, "num_classes": 4},
}


def model_of(task: str, **more: Any) -> Any:
    values = {
        "task": task, "vocab_size": VOCAB, "d_model": 6, "d_ff": 8, "mixer": {"heads": 2}, "dropout": 0.0,
        **TASKS[task], **more,
    }  # fmt: skip
    torch.manual_seed(0)
    config = ModelConfig.model_validate({key: value for key, value in values.items() if value is not None})
    model = build(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def tokens_of(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(VOCAB, shape)


def logits_of(model: Any, **inputs: Any) -> Tensor:
    result = model(**inputs)
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm", "seq2seq"])
def test_selected_rows_are_rows_of_all_logits(task: str) -> None:
    model, select = model_of(task), torch.rand(3, LENGTH) > 0.5
    inputs = {"tokens": tokens_of(3, LENGTH)}
    if task == "seq2seq":
        inputs["source"] = tokens_of(3, 5)
    everything = logits_of(model, **inputs)
    assert everything.shape == (3, LENGTH, VOCAB)
    some = logits_of(model, **inputs, select=select)
    torch.testing.assert_close(some, everything[select], rtol=1e-13, atol=1e-13)
    weight = torch.randn_like(some)
    wanted = [p for p in model.parameters() if p.requires_grad]
    pairs = (torch.autograd.grad((t * weight).sum(), wanted) for t in (some, everything[select]))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
    none = logits_of(model, **inputs, select=torch.zeros(3, LENGTH, dtype=torch.bool))
    assert none.shape == (0, VOCAB)


def test_a_masked_language_model_reads_both_sides_and_no_padding() -> None:
    model, tokens = model_of("masked-lm"), tokens_of(2, LENGTH)
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % VOCAB
    assert (model(changed) - model(tokens))[:, 0].abs().max() > 1e-6
    padding = torch.zeros(2, LENGTH, dtype=torch.bool)
    padding[:, -1] = True
    got, want = model(changed, padding)[:, :-1], model(tokens[:, :-1])
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("activation", "slope"), [("gelu", None), ("leaky-relu", 0.4)])
def test_the_head_of_a_masked_language_model_is_its_formula(activation: str, slope: float | None) -> None:
    """E norm(σ(W h + b)) + c, the slope the model's."""
    model = model_of("masked-lm", activation=activation, negative_slope=slope)
    h = torch.randn(4, 6, dtype=torch.float64)
    transform = model.head.transform
    inner = h @ transform.dense.weight.T + transform.dense.bias
    if slope is None:
        inner = inner * (1 + torch.erf(inner / 2**0.5)) / 2
    else:
        inner = torch.where(inner > 0, inner, slope * inner)
    centred = inner - inner.mean(-1, keepdim=True)
    normed = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    normed = normed * transform.norm.weight + transform.norm.bias
    want = normed @ model.embeddings.tokens.weight.T + model.head.bias
    torch.testing.assert_close(model.head(h), want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("pool", ["mean", "first"])
@pytest.mark.parametrize("pooler", [False, True])
def test_a_classifier_is_its_formula(pool: str, pooler: bool) -> None:
    model = model_of("classification", head={"pool": pool, "pooler": pooler})
    hidden = torch.randn(2, LENGTH, 6, dtype=torch.float64)
    padding = torch.arange(LENGTH).expand(2, -1) >= torch.tensor([[4], [7]])
    rows = [hidden[0, :4], hidden[1]]
    pooled = torch.stack([row[0] if pool == "first" else row.sum(0) / len(row) for row in rows])
    head = model.head
    if pooler:
        pooled = torch.tanh(pooled @ head.pooler.weight.T + head.pooler.bias)
    want = pooled @ head.output.weight.T + head.output.bias
    torch.testing.assert_close(head(hidden, padding), want, rtol=1e-12, atol=1e-12)


def test_shapes_of_classifiers() -> None:
    tokens = tokens_of(3, LENGTH)
    assert model_of("classification")(tokens).shape == (3, 4)
    regression = model_of("classification", num_classes=None, head={"output": "regression"})
    assert regression(tokens).shape == (3, 1)
    choice = model_of("classification", num_classes=None, head={"output": "choice"})
    assert choice(tokens_of(3, 5, LENGTH)).shape == (3, 5)
    assert choice(tokens_of(3, 1, LENGTH)).shape == (3, 1)


def test_choices_of_a_row_are_read_apart_in_their_order() -> None:
    model = model_of(
        "classification", num_classes=None, head={"output": "choice"}, embeddings={"token_types": 2}
    )
    tokens = tokens_of(2, 3, LENGTH)
    padding = torch.arange(LENGTH) >= torch.tensor([[[4], [7], [6]], [[5], [3], [7]]])
    types = torch.randint(2, tokens.shape)
    logits = model(tokens, padding, types)
    for row in range(2):
        for choice in range(3):
            part = (
                slice(row, row + 1),
                slice(choice, choice + 1),
                slice(None, int((~padding[row, choice]).sum())),
            )
            alone = model(tokens[part], None, types[part])
            torch.testing.assert_close(alone[0, 0], logits[row, choice], rtol=1e-10, atol=1e-10)


def test_token_types_are_added_before_the_norm_and_0_where_none_are_given() -> None:
    model = model_of("masked-lm", embeddings={"token_types": 2, "norm": True, "scale": False})
    tokens, types = tokens_of(2, LENGTH), torch.randint(2, (2, LENGTH))
    it = model.embeddings
    x = it.tokens.weight[tokens] + it.positions.weight[:LENGTH] + it.token_types.weight[types]
    centred = x - x.mean(-1, keepdim=True)
    want = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * it.norm.weight + it.norm.bias
    torch.testing.assert_close(it(tokens, token_types=types), want, rtol=1e-12, atol=1e-12)
    assert torch.equal(model(tokens), model(tokens, token_types=torch.zeros_like(types)))
    assert (model(tokens, token_types=types) - model(tokens)).abs().max() > 1e-6


def test_dropout_of_the_head_acts_in_training_alone() -> None:
    model = model_of("causal-lm", head={"dropout": 0.5})
    plain, tokens = model_of("causal-lm"), tokens_of(2, LENGTH)
    assert torch.equal(model(tokens)[0], plain(tokens)[0])
    torch.manual_seed(0)
    assert not torch.equal(model.train()(tokens)[0], plain.train()(tokens)[0])


def test_positions_beyond_the_stack_are_read_where_the_table_has_them() -> None:
    model = model_of("causal-lm", embeddings={"max_positions": 20})
    assert model.embeddings.positions.weight.shape == (20, 6)
    assert model(tokens_of(1, 20))[0].shape == (1, 20, VOCAB)


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm"])
def test_packed_documents_give_the_logits_each_has_alone(task: str) -> None:
    model = model_of(task, embeddings={"positions": "rotary"})
    tokens = tokens_of(1, LENGTH)
    packed = logits_of(model, tokens=tokens, documents=torch.tensor([[0, 0, 0, 1, 1, 1, 1]]))
    alone = [logits_of(model, tokens=part) for part in tokens.split([3, 4], 1)]
    torch.testing.assert_close(packed, torch.cat(alone, 1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_classifier_may_read_by_a_decoder(pool: str) -> None:
    """A position sees none after it, so what comes last decides nothing of what is pooled before."""
    model = model_of("classification", encoder=None, decoder=STACK, head={"pool": pool})
    tokens = tokens_of(2, LENGTH)
    padding = torch.arange(LENGTH).expand(2, -1) >= torch.tensor([[LENGTH], [4]])
    logits = model(tokens, padding)
    torch.testing.assert_close(logits[1:], model(tokens[1:, :4]), rtol=1e-12, atol=1e-12)
    states: list[Tensor] = []
    model.decoder.register_forward_hook(lambda _, __, result: states.append(result[0]))
    model(tokens), model(tokens.index_fill(1, torch.tensor([5]), 0))
    torch.testing.assert_close(states[0][:, :5], states[1][:, :5], rtol=0, atol=0)
    assert not torch.equal(states[0][:, 5:], states[1][:, 5:])
    assert (model.config.max_source_length, model.config.max_target_length) == (9, None)


def test_the_first_position_of_a_decoder_decides_nothing() -> None:
    with pytest.raises(ValidationError, match="the first position of a decoder sees no other"):
        model_of("classification", encoder=None, decoder=STACK, head={"pool": "first"})
