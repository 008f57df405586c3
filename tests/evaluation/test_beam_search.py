"""Beam search against brute force, greedy search and itself."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from synthcli.errors import WorkFailedError
from synthcli.evaluation.beam_search import SearchOptions, _best_words, beam_search

VOCAB, BEGIN, END, LONGEST = 4, 0, 1, 5
SENTENCES = 6

Prefixes = list[tuple[int, ...]]


def log_table(seed: int) -> dict[tuple[int, ...], Tensor]:
    """Give every prefix its own random distribution over the vocabulary."""
    generator = torch.Generator().manual_seed(seed)
    prefixes = [p for n in range(LONGEST) for p in itertools.product(range(VOCAB), repeat=n)]
    return {p: 2 * torch.randn(VOCAB, generator=generator, dtype=torch.float64) for p in prefixes}


TABLES = [log_table(seed) for seed in range(SENTENCES)]


def search(sentences: list[int], **options: object) -> list[tuple[tuple[int, ...], float]]:
    """Search with a state that holds (sentence, prefix) of each row."""

    def step(tokens: Tensor, state: list[tuple[int, tuple[int, ...]]]) -> tuple[Tensor, list]:
        state = [(s, p if t == BEGIN else (*p, t)) for (s, p), t in zip(state, tokens.tolist(), strict=True)]
        return torch.stack([TABLES[s][p] for s, p in state]), state

    def select(state: list, index: Tensor) -> list:
        return [state[i] for i in index.tolist()]

    all_options = {"begin": BEGIN, "end": END, "max_length": LONGEST, "banned": (BEGIN,), **options}
    found = beam_search(
        step, select, [(s, ()) for s in sentences], len(sentences), SearchOptions(**all_options)
    )
    assert all(END not in h.tokens and BEGIN not in h.tokens for h in found)
    return [(h.tokens, h.score) for h in found]


def by_brute_force(sentence: int, alpha: float) -> tuple[tuple[int, ...], float]:
    """Try every sequence that ends in time."""
    words = [w for w in range(VOCAB) if w not in (BEGIN, END)]
    best: tuple[tuple[int, ...], float] = ((), -math.inf)
    for length in range(LONGEST):
        for tokens in itertools.product(words, repeat=length):
            whole = (*tokens, END)
            total = sum(
                TABLES[sentence][whole[:i]].log_softmax(0)[word].item() for i, word in enumerate(whole)
            )
            score = total / ((5 + len(whole)) / 6) ** alpha
            if score > best[1]:
                best = (tokens, score)
    return best


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_a_wide_beam_finds_the_best_of_all_sequences(alpha: float) -> None:
    found = search(list(range(SENTENCES)), beam=64, length_penalty=alpha)
    for sentence, (tokens, score) in enumerate(found):
        want_tokens, want_score = by_brute_force(sentence, alpha)
        assert tokens == want_tokens
        assert score == pytest.approx(want_score, rel=1e-12)


def test_beam_1_is_greedy() -> None:
    for sentence, (tokens, _) in enumerate(search(list(range(SENTENCES)), beam=1)):
        greedy: tuple[int, ...] = ()
        while len(greedy) < LONGEST:
            logits = TABLES[sentence][greedy].clone()
            logits[BEGIN] = -math.inf
            word = int(logits.argmax())
            if word == END:
                break
            greedy = (*greedy, word)
        assert tokens == greedy


@pytest.mark.parametrize("beam", [1, 2, 3])
def test_a_result_does_not_depend_on_its_batch(beam: int) -> None:
    together = search(list(range(SENTENCES)), beam=beam, length_penalty=0.6)
    assert together == [search([s], beam=beam, length_penalty=0.6)[0] for s in range(SENTENCES)]
    assert together == search(list(range(SENTENCES))[::-1], beam=beam, length_penalty=0.6)[::-1]


def test_a_wider_beam_is_never_worse() -> None:
    for narrow, wide in zip(search([0, 1, 2], beam=1), search([0, 1, 2], beam=64), strict=True):
        assert wide[1] >= narrow[1] or len(narrow[0]) == LONGEST


def test_a_sequence_that_does_not_end_in_time_is_returned_unfinished() -> None:
    never = torch.tensor([[-math.inf, -math.inf, 0.0, -1.0]])

    def step(tokens: Tensor, state: int) -> tuple[Tensor, int]:
        return never.expand(len(tokens), -1), state

    options = SearchOptions(begin=BEGIN, end=END, beam=2, max_length=3)
    (found,) = beam_search(step, lambda state, index: state, 0, 1, options)
    assert found.tokens == (2, 2, 2) and not found.is_finished


def constant(logits: Tensor) -> Callable[[Tensor, int], tuple[Tensor, int]]:
    """Return a step that always gives the same logits; the state counts its calls."""
    return lambda tokens, state: (logits.expand(len(tokens), -1), state + 1)


def keep(state: int, index: Tensor) -> int:
    return state


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("beam", [1, 3])
def test_of_equals_the_lowest_beam_and_the_lowest_word_win(beam: int, dtype: torch.dtype) -> None:
    logits = torch.zeros(1, 300, dtype=dtype)
    logits[0, END] = -5
    options = SearchOptions(BEGIN, END, beam, max_length=2, banned=(BEGIN, 2))
    (found,) = beam_search(constant(logits), keep, 0, 1, options)
    assert found.tokens == (3, 3)


def test_the_largest_are_those_of_a_stable_sort() -> None:
    logits = torch.randint(0, 6, (200, 12), generator=torch.Generator().manual_seed(0)).float()
    want = logits.sort(dim=1, descending=True, stable=True).indices
    for count in (1, 4, 12, 30):
        log_p, words = _best_words(logits, count, ())
        assert torch.equal(words, want[:, :count])
        torch.testing.assert_close(log_p, logits.double().log_softmax(1).gather(1, words), rtol=0, atol=1e-6)


def test_what_is_banned_is_never_generated_however_wide_the_beam() -> None:
    logits = torch.tensor([[9.0, -1.0, 9.0, 0.0]])
    options = SearchOptions(BEGIN, END, beam=50, max_length=4, banned=(BEGIN, 2))
    (found,) = beam_search(constant(logits), keep, 0, 1, options)
    assert set(found.tokens) <= {3}


def test_finished_sentences_leave_the_batch_and_the_search_ends_with_the_last() -> None:
    lengths, rows_of_calls = [1, 4, 2], []

    def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        rows_of_calls.append(len(tokens))
        is_due = state[:, 0] == state[:, 1]
        logits = torch.where(is_due[:, None], torch.tensor([0.0, 9, 0, 0]), torch.tensor([0.0, 0, 0, 9]))
        return logits, state + torch.tensor([1, 0])

    def select(state: Tensor, index: Tensor) -> Tensor:
        return state[index]

    state = torch.tensor([[0, length] for length in lengths])
    options = SearchOptions(BEGIN, END, beam=1, max_length=50, banned=(BEGIN,))
    found = beam_search(step, select, state, 3, options)
    assert [h.tokens for h in found] == [(3,) * length for length in lengths]
    assert all(h.is_finished for h in found)
    assert rows_of_calls == [3, 3, 2, 1, 1]


def test_a_model_that_diverged_is_said_to_have() -> None:
    logits = torch.tensor([[0.0, math.nan, 0.0, 0.0]])
    options = SearchOptions(BEGIN, END, beam=2, max_length=3)
    with pytest.raises(WorkFailedError) as error:
        beam_search(constant(logits), keep, 0, 1, options)
    assert error.value.message == "the model computes no finite numbers"
    assert error.value.hint == "take an earlier checkpoint"
