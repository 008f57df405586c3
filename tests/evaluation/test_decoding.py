"""Decoding with real models of every score function, in float64."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthcli import memory
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import continue_text, refuse_wide_beam, search_options, translate
from synthcli.model import build

from ..model.combinations import MAX_TARGET, MIXTURES, OTHERS, VOCAB, tiny

pytestmark = pytest.mark.slow

PAD, BEGIN, END = 0, 1, 2
SOURCES = 5
GENERATING = MIXTURES | OTHERS  # every mixer that can write


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


@pytest.mark.parametrize("scores", GENERATING)
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
@pytest.mark.parametrize("scores", GENERATING)
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


@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("scores", GENERATING)
def test_a_score_is_what_the_model_gives_the_whole_target(scores: str, alpha: float) -> None:
    """Beams are reordered at every step: a state that was not would give another probability."""
    model = model_of("seq2seq", scores)
    source, padding = sources()
    for row, found in enumerate(translate(model, source, padding, replace(options(4), length_penalty=alpha))):
        whole = torch.tensor([*found.tokens, END] if found.is_finished else found.tokens)
        tokens = torch.cat((torch.tensor([BEGIN]), whole[:-1]))[None]
        log_p = model(source[row : row + 1], tokens, padding[row : row + 1])[0].log_softmax(-1)
        total = log_p.gather(1, whole[:, None]).sum().item()
        assert found.score == pytest.approx(total / ((5 + len(whole)) / 6) ** alpha, rel=1e-9)


def test_the_encoder_reads_a_source_once_and_the_decoder_a_position_a_step() -> None:
    model = model_of("seq2seq", "dot-product")
    read: list[int] = []
    written: list[int] = []
    model.source_embeddings.register_forward_hook(lambda module, given, y: read.append(y.shape[1]))
    model.embeddings.register_forward_hook(lambda module, given, y: written.append(y.shape[1]))
    translate(model, *sources(), options(beam=4))
    assert read == [8]
    assert set(written) == {1} and len(written) <= MAX_TARGET


@pytest.mark.parametrize("beam", [1, 4])
def test_an_untrained_end_leaves_targets_of_the_whole_length(beam: int) -> None:
    model = model_of("seq2seq", "random")
    never = replace(options(beam), banned=(PAD, BEGIN, END))
    for found in translate(model, *sources(), never):
        assert len(found.tokens) == MAX_TARGET
        assert not found.is_finished


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


@pytest.mark.parametrize(
    ("asked", "is_endless", "longest"),
    [(None, False, 10), (None, True, 10), (4, False, 4), (4, True, 4), (99, False, 10), (99, True, 99)],
)
def test_a_search_is_what_the_configuration_asks_for(
    asked: int | None, is_endless: bool, longest: int
) -> None:
    tokenizer = ByteTokenizer()
    config = EvaluationConfig(metrics=("bleu",), beam=3, length_penalty=0.7, max_length=asked)
    found = search_options(tokenizer, config, 10, is_endless)
    banned = (tokenizer.pad_id, tokenizer.bos_id)
    assert found == SearchOptions(tokenizer.bos_id, tokenizer.eos_id, 3, longest, 0.7, found.banned)
    assert sorted(found.banned) == sorted(banned)
    if not is_endless:
        assert found == search_options(tokenizer, config, 10)


def test_a_beam_that_fits_no_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory", lambda: 20 * 1000 * 50_000)
    refuse_wide_beam(1000, 50_000)
    with pytest.raises(SynthError) as caught:
        refuse_wide_beam(1001, 50_000)
    assert str(caught.value) == (
        "a beam of 1,001 over 50,000 tokens takes 1 GB of memory, and there are 1 GB\n"
        "hint: 4 to 10 is usual; 1 is greedy"
    )
