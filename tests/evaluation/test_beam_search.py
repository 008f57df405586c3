"""Beam search against brute force, greedy search and itself."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from synthcli.evaluation.beam_search import SearchOptions, beam_search

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
