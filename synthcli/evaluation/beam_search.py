"""Beam search with a state: the most probable sequence under a length penalty.

Hypotheses are ranked by log p(y) / ((5 + |y|) / 6)^α, |y| counting the end  (Wu et al. 2016, eq. 14).
The search ends for a sentence when `beam` hypotheses have finished, or none still open can pass the
best of them: a beam of 1 is greedy search, one as wide as the tree finds the true maximum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from synthcli.errors import WorkFailedError
from synthcli.objectives import CACHE_ELEMENTS

S = TypeVar("S")


@dataclass(frozen=True)
class SearchOptions:
    """`max_length` counts generated tokens, the end included; `banned` are ids never generated."""

    begin: int
    end: int
    beam: int
    max_length: int
    length_penalty: float = 0.0
    banned: tuple[int, ...] = ()

    def penalty(self, length: int) -> float:
        return float(((5 + length) / 6) ** self.length_penalty)


@dataclass(frozen=True)
class Hypothesis:
    """`tokens` without begin and end; `score` is the penalised log-probability."""

    tokens: tuple[int, ...]
    score: float
    is_finished: bool


@dataclass
class Search(Generic[S]):
    """The sentences still open: row r·beam + k of the state is beam k of sentence `sentences[r]`."""

    step: Callable[[Tensor, S], tuple[Tensor, S]]
    select: Callable[[S, Tensor], S]
    options: SearchOptions
    state: S
    sentences: list[int]
    tokens: Tensor  # (open, beam, generated)
    scores: Tensor  # (open, beam), float64
    best: list[Hypothesis | None]
    finished: list[int]  # by sentence, how many hypotheses have ended


def beam_search(
    step: Callable[[Tensor, S], tuple[Tensor, S]],
    select: Callable[[S, Tensor], S],
    state: S,
    batch_size: int,
    options: SearchOptions,
) -> list[Hypothesis]:
    """Return the best hypothesis of each sentence.

    `step(tokens (rows,), state)` returns the logits (rows, vocabulary) of the next token and the state
    after it; `select(state, index)` takes rows of a state. Row r of the first state is sentence r.
    """
    search = _begin(step, select, state, batch_size, options)
    for length in range(2, options.max_length + 1):
        if not search.sentences:
            break
        _advance(search, length)
    return [_or_best_open(search, sentence) for sentence in range(batch_size)]


def _begin(
    step: Callable[[Tensor, S], tuple[Tensor, S]],
    select: Callable[[S, Tensor], S],
    state: S,
    batch_size: int,
    options: SearchOptions,
) -> Search[S]:
    """Take the first step: one row a sentence becomes `beam` rows with different first tokens."""
    logits, state = step(torch.full((batch_size,), options.begin), state)
    search = Search(
        step,
        select,
        options,
        state,
        sentences=list(range(batch_size)),
        tokens=torch.empty(batch_size, 1, 0, dtype=torch.long),
        scores=torch.zeros(batch_size, 1, dtype=torch.float64),
        best=[None] * batch_size,
        finished=[0] * batch_size,
    )
    _choose(search, logits, length=1)
    return search


def _advance(search: Search[S], length: int) -> None:
    logits, search.state = search.step(search.tokens[:, :, -1].flatten(), search.state)
    _choose(search, logits, length)


def _choose(search: Search[S], logits: Tensor, length: int) -> None:
    """Extend every beam, note what finished, keep the best `beam` of the rest, drop closed sentences."""
    options, (open_, width) = search.options, search.scores.shape
    # every beam has one way to end, so that of 2·beam candidates enough go on
    log_p, words = _best_words(logits, 2 * options.beam, options.banned)
    totals = (search.scores[:, :, None] + log_p.view(open_, width, -1)).flatten(1)
    scores, index = (t[:, : 2 * options.beam] for t in totals.sort(dim=1, descending=True, stable=True))
    if scores[:, 0].isnan().any():
        raise WorkFailedError("the model computes no finite numbers", "take an earlier checkpoint")
    beams, words = index // log_p.shape[1], words.view(open_, -1).gather(1, index)
    ends = words == options.end
    _note_finished(search, scores, beams, ends[:, : options.beam], length)
    order = ends.to(torch.int8).sort(dim=1, stable=True).indices[:, : options.beam]
    scores, beams, words, ends = (t.gather(1, order) for t in (scores, beams, words, ends))
    scores = scores.masked_fill(ends, -torch.inf)  # fewer than `beam` went on
    tops = scores[:, 0].tolist()
    is_open = [_may_improve(search, row, top, length) for row, top in enumerate(tops)]
    _keep_beams(search, scores, beams, words, torch.tensor(is_open))


def _best_words(logits: Tensor, count: int, banned: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return the `count` most probable words of each row and their log-probabilities, falling.

    Of equals the lowest id comes first, which `topk` does not promise. A banned word keeps its share of
    the probability, and is worth nothing.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    best, words = (t.cpu() for t in _largest(logits, min(count + len(banned), logits.shape[1])))
    words, by_id = words.sort(dim=1)
    log_p = best.gather(1, by_id).double() - _log_totals(logits).cpu().double()[:, None]
    for word in banned:
        log_p = log_p.masked_fill(words == word, -torch.inf)
    log_p, by_size = log_p.sort(dim=1, descending=True, stable=True)
    return log_p, words.gather(1, by_size)


def _largest(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest logits of each row and their ids; where equals stand at the edge, the lowest ids."""
    best, words = logits.topk(min(count + 1, logits.shape[1]), dim=1)
    tied = (best[:, count - 1 : count] == best[:, count:]).any(dim=1)
    best, words = best[:, :count], words[:, :count]
    if tied.any():
        order = logits[tied].sort(dim=1, descending=True, stable=True)
        best[tied], words[tied] = order.values[:, :count], order.indices[:, :count]
    return best, words


def _log_totals(logits: Tensor) -> Tensor:
    """Return the log of the sum of exponentials of each row; a processor works on what its cache holds."""
    rows = max(1, CACHE_ELEMENTS // logits.shape[1]) if logits.device.type == "cpu" else len(logits)
    return torch.cat([part.logsumexp(dim=1) for part in logits.split(rows)])


def _note_finished(search: Search[S], scores: Tensor, beams: Tensor, ends: Tensor, length: int) -> None:
    penalty = search.options.penalty(length)
    for row, place in ends.nonzero().tolist():
        score = scores[row, place].item() / penalty
        if score == -torch.inf:
            continue
        sentence = search.sentences[row]
        search.finished[sentence] += 1
        best = search.best[sentence]
        if best is None or score > best.score:
            tokens = search.tokens[row, int(beams[row, place])].tolist()
            search.best[sentence] = Hypothesis(tuple(tokens), score, is_finished=True)


def _may_improve(search: Search[S], row: int, top: float, length: int) -> bool:
    """True while an open hypothesis, of which the best stands at `top`, could pass the best finished one.

    Log-probabilities only fall, and a longer hypothesis divides by more: its total now over the largest
    penalty bounds what it can reach.
    """
    options, sentence = search.options, search.sentences[row]
    best = search.best[sentence]
    if best is None:
        return True  # also after the last step: an unfinished one is better than none
    if length == options.max_length or search.finished[sentence] >= options.beam:
        return False
    return top / options.penalty(options.max_length) > best.score


def _keep_beams(search: Search[S], scores: Tensor, beams: Tensor, words: Tensor, is_open: Tensor) -> None:
    rows = torch.arange(len(search.sentences))[:, None].expand_as(beams)
    width = search.tokens.shape[1]
    tokens = torch.cat((search.tokens[rows, beams], words[:, :, None]), dim=2)
    search.tokens, search.scores = tokens[is_open], scores[is_open]
    search.sentences = [s for s, kept in zip(search.sentences, is_open.tolist(), strict=True) if kept]
    index = (rows * width + beams)[is_open].flatten()
    if len(index) != len(rows) * width or not torch.equal(index, torch.arange(len(index))):
        search.state = search.select(search.state, index)


def _or_best_open(search: Search[S], sentence: int) -> Hypothesis:
    """Return the best finished hypothesis, or where none ended in time, the best open one."""
    best = search.best[sentence]
    if best is not None:
        return best
    row = search.sentences.index(sentence)
    place = int(search.scores[row].argmax())
    tokens = tuple(search.tokens[row, place].tolist())
    return Hypothesis(tokens, search.scores[row, place].item() / search.options.penalty(len(tokens)), False)
