"""Streams are evaluated as what they are: one text, of which every token counts once, with its past."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from synthcli.data.config import TokenizerConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.evaluation import measure as measuring
from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import continue_text
from synthcli.evaluation.measure import EvaluationJob, evaluate_metric
from synthcli.evaluation.score import Score
from synthcli.model import ModelConfig, build
from synthcli.progress import Progress, no_progress

from ..data.small import BYTES, wikitext

ROWS = ["abc defg", "", "h", "ijk lmnopq rstuvw xyz", "", "no multiple of any thing", "ü xyz"]
BOS, EOS, FIRST_BYTE = 1, 2, 4
IDS = [BOS, *(i for row in ROWS for i in (*(byte + FIRST_BYTE for byte in row.encode()), EOS))]
TARGETS = 67
WORDS = 2 + 0 + 1 + 4 + 0 + 5 + 2 + len(ROWS)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("text")
    return prepare_store("wikitext-2", BYTES, folder / "stores", wikitext(folder / "data", ROWS))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return model_of(260)


def model_of(vocab_size: int, changes: dict[str, Any] | None = None, **embeddings: Any) -> nn.Module:
    """SRU++ with so large weights that what attention sees matters; every second layer has none."""
    torch.manual_seed(3)
    table = {
        "task": "causal-lm",
        "vocab_size": vocab_size,
        "d_model": 12,
        "block": "recurrent",
        "dropout": 0.1,
        "mixer": {"kind": "srupp", "projection": 6, "heads": 2, "attention_every": 2, "highway_bias": 0.0},
        "embeddings": {"positions": "none", **embeddings},
        "decoder": {"layers": 4, "max_length": 8},
    }
    network = build(ModelConfig.model_validate(table | (changes or {}))).double().eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.7)
    return network


def scores(
    model: nn.Module,
    store: Store,
    length: int,
    streams: int = 1,
    progress: Progress = no_progress,
    **options: Any,
) -> list[Score]:
    examples = Examples(store, "train", "causal-lm", max_target=length, layout="streams", streams=streams)
    chosen = np.arange(options.pop("limit", len(examples)))
    config = EvaluationConfig.model_validate({"metrics": ["perplexity"], "streams": streams, **options})
    return evaluate_metric(
        "perplexity", EvaluationJob(model, store.tokenizer, examples, config, chosen, progress)
    )


def by_hand(model: Any, ids: list[int], window: int) -> Tensor:
    """Return −log p of every token but the first, all of them given at once."""
    given = torch.tensor([ids])
    with torch.no_grad():
        logits, _ = model(given[:, :-1], state=model.initial_state(), window=window)
    return -logits[0].log_softmax(-1).gather(1, given[0, 1:, None])[:, 0]


def one_by_one(model: Any, ids: list[int], window: int) -> float:
    """Return Σ −log p, each token given by itself."""
    state, nats = model.initial_state(), 0.0
    with torch.no_grad():
        for given, target in pairwise(ids):
            logits, state = model(torch.tensor([[given]]), state=state, window=window)
            nats -= logits[0, 0].log_softmax(-1)[target].item()
    return nats


@pytest.mark.parametrize("window", [1, 5, 17, 1000])
@pytest.mark.parametrize("length", [2, 4, 7, 66, 67, 68, 500])
def test_all_figures_are_those_of_the_whole_text_at_once(
    text: Store, model: nn.Module, length: int, window: int
) -> None:
    nats = by_hand(model, IDS, window).sum().item()
    by_token, by_word, by_byte = scores(model, text, length, window=window)
    assert by_token.sampled.statistics.sum(0) == pytest.approx([nats, TARGETS], rel=1e-12)
    assert by_token.value == pytest.approx(math.exp(nats / TARGETS), rel=1e-12)
    assert by_word.value == pytest.approx(math.exp(nats / WORDS), rel=1e-12)
    assert by_byte.value == pytest.approx(nats / math.log(2) / TARGETS, rel=1e-12)
    assert [score.name for score in (by_token, by_word, by_byte)] == [
        *("perplexity", "perplexity_per_word", "bits_per_byte"),
    ]


@pytest.mark.parametrize("length", [2, 7, 500])
@pytest.mark.parametrize(
    "mixer", [{"kind": "transformer-xl", "heads": 2}, {"kind": "dynamic-convolution", "heads": 3}], ids=str
)
def test_other_mixers_that_carry_a_state_are_read_as_the_whole_text(
    text: Store, mixer: dict[str, Any], length: int
) -> None:
    changes = {"block": "pre-norm", "d_ff": 14, "mixer": mixer, "decoder": {"layers": 2, "max_length": 8}}
    other = model_of(260, changes)
    nats = by_hand(other, IDS, 5).sum().item()
    assert scores(other, text, length, window=5)[0].sampled.statistics[:, 0].sum() == pytest.approx(nats)


def test_the_text_at_once_is_the_text_token_by_token_and_the_window_matters(model: nn.Module) -> None:
    at_once = [by_hand(model, IDS, window).sum().item() for window in (1, 5, 17, 1000)]
    for window, nats in zip((1, 5, 17, 1000), at_once, strict=True):
        assert one_by_one(model, IDS, window) == pytest.approx(nats, rel=1e-12)
    assert min(abs(a - b) for a in at_once for b in at_once if a is not b) > 1e-3


def test_without_a_window_a_position_sees_as_many_as_a_segment_has(text: Store, model: nn.Module) -> None:
    nats = by_hand(model, IDS, window=8).sum().item()  # `decoder.max_length`
    for length in (3, 8):
        assert scores(model, text, length)[0].sampled.statistics[:, 0].sum() == pytest.approx(nats, rel=1e-12)


@pytest.mark.parametrize("streams", [2, 3, 4, 9, 66, 67])
def test_several_streams_are_parts_that_begin_without_a_past(
    text: Store, model: nn.Module, streams: int
) -> None:
    size = -(-TARGETS // streams)
    parts = [IDS[start : start + size + 1] for start in range(0, TARGETS, size)]
    nats = sum(by_hand(model, part, window=5).sum().item() for part in parts)
    for length in (2, 7, 100):
        by_token = scores(model, text, length, streams, window=5)[0]
        assert by_token.sampled.statistics.sum(0) == pytest.approx([nats, TARGETS], rel=1e-12)


@pytest.mark.parametrize("logits", [1, 3 * 260, 10**9])
def test_how_many_logits_are_made_at_a_time_changes_nothing(
    text: Store, model: nn.Module, monkeypatch: pytest.MonkeyPatch, logits: int
) -> None:
    want = scores(model, text, 8, streams=3)[0].sampled.statistics
    monkeypatch.setattr(measuring, "LOGITS", logits)
    found = scores(model, text, 8, streams=3)[0].sampled.statistics
    np.testing.assert_allclose(found, want, rtol=1e-11)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_a_limit_counts_segments_also_in_the_midst_of_a_row_of_them(
    text: Store, model: nn.Module, limit: int
) -> None:
    want = scores(model, text, 8, streams=3)[0].sampled.statistics
    found = scores(model, text, 8, streams=3, limit=limit)[0].sampled.statistics
    np.testing.assert_allclose(found, want[:limit], rtol=1e-11)


def test_progress_counts_segments(text: Store, model: nn.Module) -> None:
    seen: list[tuple[int, int]] = []
    scores(model, text, 8, streams=3, limit=8, progress=lambda what, done, total: seen.append((done, total)))
    assert seen == [(3, 8), (6, 8), (8, 8)]


def test_float32_agrees_over_lengths_of_segments(text: Store) -> None:
    network = model_of(260).float()
    losses = []
    for length in (2, 5, 8, 67):
        nats, tokens = scores(network, text, length, window=11)[0].sampled.statistics.sum(0)
        losses.append(nats / tokens)
    assert max(losses) - min(losses) < 1e-5


@pytest.mark.parametrize("embeddings", [{}, {"cutoffs": [6, 11], "div_val": 2}])
def test_of_words_a_token_is_a_word(tmp_path: Path, embeddings: dict[str, Any]) -> None:
    tokenizer = TokenizerConfig.model_validate({"kind": "words", "vocab_size": 100})
    store = prepare_store("wikitext-2", tokenizer, tmp_path / "stores", wikitext(tmp_path / "data", ROWS))
    examples = Examples(store, "train", "causal-lm", max_target=100, layout="streams", streams=1)
    (tokens,), (targets,) = (examples.collate(np.arange(1))[key] for key in ("tokens", "targets"))
    assert len(targets) == WORDS
    network = model_of(store.tokenizer.vocab_size, **embeddings)
    nats = by_hand(network, [*tokens.tolist(), int(targets[-1])], window=4).sum().item()
    by_token, by_word, by_byte = scores(network, store, 6, window=4)
    assert by_token.value == by_word.value == pytest.approx(math.exp(nats / WORDS), rel=1e-9)
    assert by_byte.value == pytest.approx(nats / math.log(2) / TARGETS, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("prompt_length", [1, 5, 8, 9, 30])
def test_a_text_goes_on_beyond_a_segment(model: Any, prompt_length: int, beam: int) -> None:
    """The decoder has 8 positions a segment; what is written is what the whole text at once makes likely."""
    options = SearchOptions(BOS, EOS, beam, max_length=25, banned=(0, BOS, EOS))
    prompt = IDS[:prompt_length]
    found = continue_text(model, torch.tensor(prompt), options, window=8)
    assert len(found.tokens) == 25
    nats = by_hand(model, [*prompt, *found.tokens], window=8)[-25:]
    assert found.score == pytest.approx(-nats.sum().item(), rel=1e-9)
    if beam == 1:
        for place, token in enumerate(found.tokens):
            given = torch.tensor([[*prompt, *found.tokens[:place]]])
            logits = model(given, state=model.initial_state(), window=8)[0][0, -1]
            logits[[0, BOS, EOS]] = -torch.inf
            assert int(logits.argmax()) == token


ENDS = {
    "a table of positions": {"embeddings": {"positions": "learned"}},
    "a table of scores": {"mixer": {"kind": "srupp", "projection": 6, "scores": [{"kind": "random"}]}},
    "attention": {"mixer": {"kind": "attention", "heads": 2}, "block": "pre-norm", "d_ff": 8},
}


@pytest.mark.parametrize("changes", ENDS.values(), ids=ENDS)
def test_a_text_ends_where_a_table_or_attention_does(changes: dict[str, Any], model: Any) -> None:
    table = model.config.model_dump(
        include={"task", "d_model", "block", "decoder", "embeddings", "vocab_size", "mixer"}
    )
    network = build(ModelConfig.model_validate(table | changes)).double().eval()
    assert model.config.is_endless and not network.config.is_endless
    options = SearchOptions(BOS, EOS, 1, max_length=25, banned=(0, BOS, EOS))
    assert len(continue_text(network, torch.tensor(IDS[:5]), options).tokens) == 4  # 8 positions are read
