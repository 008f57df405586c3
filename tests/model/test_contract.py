"""What every combination in the registries promises."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from synthcli.model import build, count_parameters

from .combinations import CLASSES, COMBINATIONS, MAX_SOURCE, MAX_TARGET, VOCAB, tiny
from .parameter_formula import parameters_of

BATCH, SOURCE, TARGET = 3, 9, 7

every_combination = pytest.mark.parametrize(
    ("task", "block", "scores"), COMBINATIONS, ids=[" | ".join(c) for c in COMBINATIONS]
)


def model_and_tokens(
    task: str, block: str, scores: str, layers: int = 2
) -> tuple[nn.Module, dict[str, Tensor]]:
    torch.manual_seed(1)
    model = build(tiny(task, block, scores, layers)).double().eval()
    tokens = {"tokens": torch.randint(VOCAB, (BATCH, TARGET))}
    if task == "seq2seq":
        tokens["source"] = torch.randint(VOCAB, (BATCH, SOURCE))
    return model, tokens


def logits_of(model: nn.Module, **inputs: Tensor) -> Tensor:
    result = model(**inputs)
    return result[0] if isinstance(result, tuple) else result


def test_there_are_combinations() -> None:
    assert len(COMBINATIONS) > 90


@every_combination
def test_shapes_and_parameter_count(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    expected = (BATCH, CLASSES) if task == "classification" else (BATCH, TARGET, VOCAB)
    assert logits_of(model, **tokens).shape == expected
    assert count_parameters(model) == parameters_of(model.config)


@every_combination
def test_builds_on_the_meta_device(task: str, block: str, scores: str) -> None:
    with torch.device("meta"):
        model = build(tiny(task, block, scores))
    assert count_parameters(model) == parameters_of(model.config)


@every_combination
def test_state_dict_round_trip(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    other = build(model.config).double().eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(logits_of(model, **tokens), logits_of(other, **tokens))


@every_combination
def test_the_loss_starts_at_ln_v_and_every_parameter_learns(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    logits = logits_of(model, **tokens).flatten(0, -2)
    choices = logits.shape[-1]
    loss = cross_entropy(logits, torch.arange(len(logits)) % choices)
    assert abs(loss.item() / torch.tensor(choices).log().item() - 1) < 0.05
    if task == "classification":  # its head starts at zero, so that nothing below it moves in the first step
        nn.init.normal_(model.head.output.weight)
        loss = cross_entropy(logits_of(model, **tokens), torch.arange(BATCH) % choices)
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and not name.endswith(
            "key.bias"
        ):  # adds the same to all scores of a query
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@every_combination
def test_padding_does_not_change_real_positions(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    alone = {name: t[:1, :4] for name, t in tokens.items()}
    padded = {name: torch.cat((t[:, :4], torch.randint(VOCAB, (BATCH, 3))), 1) for name, t in tokens.items()}
    padding = torch.zeros(BATCH, 7, dtype=torch.bool)
    padding[0, 4:] = True
    masks = {"padding": padding} | ({"source_padding": padding} if task == "seq2seq" else {})
    got, want = logits_of(model, **padded, **masks)[0], logits_of(model, **alone)[0]
    got = got if task == "classification" else got[:4]
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@every_combination
def test_a_sequence_of_padding_only_gives_finite_numbers(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    masks = {"padding": torch.tensor([False, True, False])[:, None].expand(BATCH, TARGET)}
    if task == "seq2seq":
        masks["source_padding"] = torch.tensor([False, True, False])[:, None].expand(BATCH, SOURCE)
    logits = logits_of(model, **tokens, **masks)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


GENERATIVE = [c for c in COMBINATIONS if c[0] != "classification"]
every_decoder = pytest.mark.parametrize(
    ("task", "block", "scores"), GENERATIVE, ids=[" | ".join(c) for c in GENERATIVE]
)


@every_decoder
def test_nothing_leaks_from_the_future(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    changed = dict(tokens, tokens=tokens["tokens"].clone())
    changed["tokens"][:, 4] = (changed["tokens"][:, 4] + 1) % VOCAB
    before, after = logits_of(model, **tokens), logits_of(model, **changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


@every_decoder
def test_one_position_at_a_time_equals_all_at_once(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores)
    pieces, state = [], model.initial_state()
    memory = model.encode(tokens["source"]) if task == "seq2seq" else None
    for piece in tokens["tokens"].split((1, 2, 1, 1, 2), dim=1):
        if memory is None:
            logits, state = model(piece, state=state)
        else:
            logits, state = model.decode(piece, memory, state=state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), logits_of(model, **tokens), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("task", "block", "scores"), [c for c in COMBINATIONS if "," not in c[2]])
def test_gradients_are_finite_at_depth_48(task: str, block: str, scores: str) -> None:
    model, tokens = model_and_tokens(task, block, scores, layers=48)
    logits_of(model.float(), **tokens).square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("scores", ["dot-product", "random", "dense"])
def test_packed_documents_do_not_see_each_other(scores: str) -> None:
    model, tokens = model_and_tokens("causal-lm", "pre-norm", scores)
    documents = torch.tensor([[0, 0, 0, 1, 1, 1, 1]]).expand(BATCH, TARGET)
    changed = tokens["tokens"].clone()
    changed[:, 1] = (changed[:, 1] + 1) % VOCAB
    before = logits_of(model, tokens=tokens["tokens"], documents=documents)
    after = logits_of(model, tokens=changed, documents=documents)
    assert torch.equal(before[:, 3:], after[:, 3:])


def test_lengths_of_the_combinations_are_within_the_limits() -> None:
    assert SOURCE <= MAX_SOURCE and TARGET <= MAX_TARGET
