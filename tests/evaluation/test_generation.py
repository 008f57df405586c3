"""Writing several prompts at once, token by token, equals writing each by itself."""

import pytest
import torch

from synthcli.errors import SynthError, WorkFailedError
from synthcli.evaluation.decoding import continue_text, translate
from synthcli.evaluation.generation import Token, answer, go_on
from synthcli.evaluation.token_sampling import GREEDY, Sampling, next_tokens, refuse_bad_sampling

from ..model.combinations import VOCAB
from .test_decoding import BEGIN, END, GENERATING, PAD, model_of, options, sources

BANNED = (PAD, BEGIN)
PROMPTS = [[BEGIN, 5, 3], [BEGIN], [BEGIN, 4, 4, 6, 3], [BEGIN, 7]]


def texts(tokens: list[Token], rows: int) -> list[list[int]]:
    """The tokens of each row; each ends once."""
    assert sorted(token.row for token in tokens if token.token is None) == list(range(rows))
    return [[t.token for t in tokens if t.row == row and t.token is not None] for row in range(rows)]


@pytest.mark.slow
@pytest.mark.parametrize("scores", GENERATING)
def test_greedy_continuations_equal_those_of_one_prompt(scores: str) -> None:
    model = model_of("causal-lm", scores)
    found = texts(list(go_on(model, PROMPTS, options(1), GREEDY)), len(PROMPTS))
    for prompt, tokens in zip(PROMPTS, found, strict=True):
        assert tokens == list(continue_text(model, torch.tensor(prompt), options(1)).tokens)


@pytest.mark.slow
@pytest.mark.parametrize("scores", GENERATING)
def test_greedy_targets_equal_the_search_of_beam_1(scores: str) -> None:
    model = model_of("seq2seq", scores)
    source, padding = sources()
    rows = [row[~pad].tolist() for row, pad in zip(source, padding, strict=True)]
    found = texts(list(answer(model, rows, options(1), GREEDY)), len(rows))
    assert found == [list(one.tokens) for one in translate(model, source, padding, options(1))]


def test_what_is_drawn_does_not_depend_on_the_batch() -> None:
    model, sampling = model_of("causal-lm", "dot-product"), Sampling(1.3, seed=5)
    together = texts(list(go_on(model, PROMPTS, options(1), sampling)), len(PROMPTS))
    alone = [
        texts(list(go_on(model, [prompt], options(1), sampling, first=place)), 1)[0]
        for place, prompt in enumerate(PROMPTS)
    ]
    assert together == alone
    other = texts(list(go_on(model, PROMPTS, options(1), Sampling(1.3, seed=6))), len(PROMPTS))
    assert other != together


def drawn(logits: list[float], sampling: Sampling, draws: int = 4000) -> torch.Tensor:
    """The share of each token among many draws."""
    rows = torch.tensor([logits]).repeat(draws, 1)
    generators = [sampling.generator(number) for number in range(draws)]
    return next_tokens(rows, (0,), sampling, generators).bincount(minlength=len(logits)) / draws


LOGITS = [9.0, 2.0, 1.0, 0.0, -1.0]  # the first is banned


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(1.0), [1, 2, 3, 4]),
        (Sampling(0.5), [1, 2, 3, 4]),
        (Sampling(1.0, top_k=2), [1, 2]),
        (Sampling(1.0, top_k=9), [1, 2, 3, 4]),
        (Sampling(1.0, top_p=0.6), [1]),  # 0.644 of the first alone
        (Sampling(1.0, top_p=0.7), [1, 2]),
        (Sampling(2.0, top_k=3, top_p=0.99), [1, 2, 3]),
    ],
)
def test_shares_of_draws_are_the_probabilities(sampling: Sampling, kept: list[int]) -> None:
    weights = torch.zeros(len(LOGITS), dtype=torch.float64)
    weights[kept] = torch.exp(torch.tensor(LOGITS, dtype=torch.float64)[kept] / sampling.temperature)
    expected = weights / weights.sum()
    shares = drawn(LOGITS, sampling)
    assert (shares[weights == 0] == 0).all()
    assert (shares - expected).abs().max() < 0.03  # 4 standard deviations of 4,000 draws


def test_greedy_takes_the_best_that_is_not_banned() -> None:
    assert next_tokens(torch.tensor([LOGITS, LOGITS[::-1]]), (0,), GREEDY, []).tolist() == [1, 4]


def test_numbers_that_are_not_finite_fail() -> None:
    with pytest.raises(WorkFailedError):
        next_tokens(torch.tensor([[0.0, float("nan")]]), (), GREEDY, [])
    with pytest.raises(WorkFailedError):  # one row of two
        next_tokens(torch.tensor([[0.0, 1.0], [-torch.inf, -torch.inf]]), (), GREEDY, [])


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Sampling(-1.0), "`--temperature -1` is below 0"),
        (Sampling(1.0, top_k=0), "`--top-k 0` leaves no token"),
        (Sampling(1.0, top_p=1.5), "`--top-p 1.5` is no share"),
        (Sampling(1.0, top_p=0.0), "`--top-p 0` is no share"),
    ],
)
def test_what_means_nothing_is_refused(sampling: Sampling, message: str) -> None:
    with pytest.raises(SynthError) as caught:
        refuse_bad_sampling(sampling)
    assert caught.value.message == message


def test_the_end_is_never_among_the_tokens() -> None:
    model = model_of("causal-lm", "random")
    tokens = list(go_on(model, PROMPTS, options(1), Sampling(3.0, seed=1)))
    assert all(token.token not in (END, PAD, BEGIN) for token in tokens)
    assert all(token.token is None or token.token < VOCAB for token in tokens)
