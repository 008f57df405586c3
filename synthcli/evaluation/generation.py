"""Writing token by token, several prompts at once, each token as soon as it is chosen.

Prompts of a language model differ in length and are not padded: all begin together, as much as the shortest
has is read at once, and a row whose prompt goes on is given its own next token, not one the model chose.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.decoding import Reading
from synthcli.evaluation.token_sampling import Sampling, next_tokens
from synthcli.model import CausalLM, Seq2Seq, State, select_state

S = TypeVar("S")  # what a step goes on from
Step = Callable[[Tensor, S], tuple[Tensor, S]]


@dataclass(frozen=True)
class Token:
    """One token written for the prompt `row`; None says that there will be no more."""

    row: int
    token: int | None


@dataclass
class PromptRow:
    """What one prompt still has to read, and how many tokens it may write."""

    number: int
    generator: torch.Generator
    left: int
    forced: list[int] = field(default_factory=list)


def write_tokens(
    step: Step[S],
    select: Callable[[S, Tensor], S],
    state: S,
    tokens: Tensor,
    rows: list[PromptRow],
    options: SearchOptions,
    sampling: Sampling,
) -> Iterator[Token]:
    """Yield tokens as they are chosen; `tokens` (rows,) come first."""
    while rows:
        logits, state = step(tokens, state)
        chosen = chosen_tokens(logits, rows, options.banned, sampling)
        going = []
        for place, row in enumerate(rows):
            if row.forced:
                row.forced.pop(0)
                going.append(place)
                continue
            row.left -= 1
            if chosen[place] != options.end:
                yield Token(row.number, chosen[place])
            if chosen[place] == options.end or row.left == 0:
                yield Token(row.number, None)
            else:
                going.append(place)
        if len(going) < len(rows) and going:
            state = select(state, torch.tensor(going))
        rows, tokens = [rows[place] for place in going], torch.tensor([chosen[place] for place in going])


def chosen_tokens(
    logits: Tensor, rows: list[PromptRow], banned: tuple[int, ...], sampling: Sampling
) -> list[int]:
    """Return the next token of each row: its prompt's own, where that goes on, and nothing is drawn."""
    open_ = [place for place, row in enumerate(rows) if not row.forced]
    chosen = [row.forced[0] if row.forced else 0 for row in rows]
    generators = [rows[place].generator for place in open_]
    if open_:
        if len(open_) < len(rows):
            logits = logits[torch.tensor(open_, device=logits.device)]
        found = next_tokens(logits, banned, sampling, generators).tolist()
        for place, token in zip(open_, found, strict=True):
            chosen[place] = token
    return chosen


@torch.inference_mode()
def answer(
    model: Seq2Seq,
    sources: list[list[int]],
    options: SearchOptions,
    sampling: Sampling,
    first: int = 0,
) -> Iterator[Token]:
    """Yield the targets of sources, which end in the end; `first` is the number of the first prompt."""
    device = next(model.parameters()).device
    longest = max(map(len, sources))
    source = torch.full((len(sources), longest), options.end)
    for place, ids in enumerate(sources):
        source[place, : len(ids)] = torch.tensor(ids)
    lengths = torch.tensor([[len(ids)] for ids in sources])
    padding = (torch.arange(longest) >= lengths).to(device) if lengths.min() < longest else None
    memory = model.encode(source.to(device), padding)

    def step(tokens: Tensor, reading: Reading) -> tuple[Tensor, Reading]:
        logits, state = model.decode(
            tokens[:, None].to(device), reading.memory, reading.padding, state=reading.state
        )
        assert state is not None
        return logits[:, -1], Reading(state, reading.sources, None, reading.padding)

    def select(reading: Reading, index: Tensor) -> Reading:
        return reading.select(index.to(device))

    rows = rows_for(len(sources), first, [options.max_length] * len(sources), sampling)
    start = Reading(model.initial_state(), torch.arange(len(sources), device=device), memory, padding)
    begins = torch.full((len(sources),), options.begin)
    yield from write_tokens(step, select, start, begins, rows, options, sampling)


@torch.inference_mode()
def go_on(
    model: CausalLM,
    prompts: list[list[int]],
    options: SearchOptions,
    sampling: Sampling,
    window: int | None = None,
    first: int = 0,
) -> Iterator[Token]:
    """Yield the continuations of prompts, begin included; `window` limits how far back SRU++ looks.

    A model that is not endless stops where its positions do.
    """
    device, limit = next(model.parameters()).device, model.config.max_target_length
    assert limit is not None
    shared = min(map(len, prompts)) - 1
    state: State | None = model.initial_state()
    beginnings = torch.tensor([ids[:shared] for ids in prompts], dtype=torch.long).view(len(prompts), shared)
    for part in beginnings.to(device).split(limit, dim=1) if shared else ():
        _, state = model(part, select=torch.zeros_like(part, dtype=torch.bool), state=state, window=window)

    def step(tokens: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        logits, state = model(tokens[:, None].to(device), state=state, window=window)
        return logits[:, -1], state

    def select(state: State | None, index: Tensor) -> State | None:
        return select_state(state, index.to(device))

    room = [options.max_length if model.config.is_endless else limit - len(ids) + 1 for ids in prompts]
    rows = rows_for(len(prompts), first, [min(options.max_length, one) for one in room], sampling)
    for row, ids in zip(rows, prompts, strict=True):
        row.forced = ids[shared + 1 :]
    nexts = torch.tensor([ids[shared] for ids in prompts])
    yield from write_tokens(step, select, state, nexts, rows, options, sampling)


def rows_for(count: int, first: int, lengths: list[int], sampling: Sampling) -> list[PromptRow]:
    return [PromptRow(place, sampling.generator(first + place), lengths[place]) for place in range(count)]
