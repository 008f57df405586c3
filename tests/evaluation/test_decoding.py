"""Decoding with real models of every score function, in float64."""

import pytest
import torch
from torch import Tensor

from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.decoding import continue_text, translate
from synthcli.model import build

from ..model.combinations import MAX_TARGET, SCORE_LISTS, VOCAB, tiny

PAD, BEGIN, END = 0, 1, 2
SOURCES = 5


def options(beam: int) -> SearchOptions:
    return SearchOptions(BEGIN, END, beam, MAX_TARGET, 0.6 if beam > 1 else 0.0, banned=(PAD, BEGIN))


def model_of(task: str, scores: str) -> torch.nn.Module:
    torch.manual_seed(3)
    model = build(tiny(task, "pre-norm", scores)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # sharp enough that targets differ
    return model


def sources() -> tuple[Tensor, Tensor]:
    source = torch.randint(3, VOCAB, (SOURCES, 8), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([8, 3, 5, 8, 1])
    return source, torch.arange(8)[None] >= lengths[:, None]


@pytest.mark.parametrize("scores", SCORE_LISTS)
def test_greedy_decoding_with_a_state_equals_recomputing_the_prefix(scores: str) -> None:
    model = model_of("seq2seq", scores)
    source, padding = sources()
    found = translate(model, source, padding, options(beam=1))
    for row, hypothesis in enumerate(found):
        tokens = [BEGIN]
        while len(tokens) <= MAX_TARGET:
            logits = model(source[row : row + 1], torch.tensor([tokens]), padding[row : row + 1])[0, -1]
            logits[[PAD, BEGIN]] = -torch.inf
            word = int(logits.argmax())
            if word == END:
                break
            tokens.append(word)
        assert list(hypothesis.tokens) == tokens[1:]


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("scores", SCORE_LISTS)
def test_a_translation_does_not_depend_on_its_batch(scores: str, beam: int) -> None:
    model = model_of("seq2seq", scores)
    source, padding = sources()
    together = translate(model, source, padding, options(beam))
    backwards = translate(model, source.flip(0), padding.flip(0), options(beam))[::-1]
    alone = [
        translate(model, s[None, : int((~p).sum())], None, options(beam))[0]
        for s, p in zip(source, padding, strict=True)
    ]
    for one, two, three in zip(together, backwards, alone, strict=True):
        assert one.tokens == two.tokens == three.tokens
        assert one.score == pytest.approx(two.score, rel=1e-9)
        assert END not in one.tokens and PAD not in one.tokens and BEGIN not in one.tokens


@pytest.mark.parametrize("scores", ["dot-product", "random", "dense"])
def test_a_continuation_stays_within_the_model(scores: str) -> None:
    model = model_of("causal-lm", scores)
    prompt = torch.tensor([BEGIN, 5, 6, 7])
    found = continue_text(model, prompt, options(beam=1))
    tokens = prompt.tolist()
    while len(tokens) <= MAX_TARGET:
        logits = model(torch.tensor([tokens]))[0][0, -1]
        logits[[PAD, BEGIN]] = -torch.inf
        word = int(logits.argmax())
        if word == END:
            break
        tokens.append(word)
    assert list(found.tokens) == tokens[4:]
