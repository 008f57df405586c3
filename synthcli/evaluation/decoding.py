"""Decoding with our models: batches of sources in, token ids out."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synthcli.data.tokenizers.base import Tokenizer
from synthcli.evaluation.beam_search import Hypothesis, SearchOptions, beam_search
from synthcli.evaluation.config import EvaluationConfig
from synthcli.memory import refuse_larger
from synthcli.model import CausalLM, Seq2Seq, State, select_state

BYTES_OF_SCORE = 4 + 8 + 8  # a logit, and in float64 its log-probability and the sum with those before it


def search_options(
    tokenizer: Tokenizer, config: EvaluationConfig, limit: int, is_endless: bool = False
) -> SearchOptions:
    """Return the options of a search for this tokenizer; `limit` is the model's own longest target.

    A model that is endless writes more if it is asked to.
    """
    asked = config.max_length or limit
    refuse_wide_beam(config.beam, tokenizer.vocab_size)
    return SearchOptions(
        begin=tokenizer.bos_id,
        end=tokenizer.eos_id,
        beam=config.beam,
        max_length=asked if is_endless else min(asked, limit),
        length_penalty=config.length_penalty,
        banned=tuple({tokenizer.pad_id, tokenizer.bos_id} - {tokenizer.eos_id}),
    )


def refuse_wide_beam(beam: int, vocab_size: int) -> None:
    """Refuse a beam whose scores alone do not fit: each hypothesis has one for every token."""
    what = f"a beam of {beam:,} over {vocab_size:,} tokens"
    refuse_larger(what, BYTES_OF_SCORE * beam * vocab_size, "4 to 10 is usual; 1 is greedy")


@dataclass(frozen=True)
class Reading:
    """A decoder at work: row r writes for source `sources[r]`.

    `memory` is None once the state holds all that is read of it.
    """

    state: State
    sources: Tensor
    memory: Tensor | None
    padding: Tensor | None

    def select(self, index: Tensor) -> "Reading":
        """Take rows; what is read of the memory stays in place while every row keeps its source."""
        sources = self.sources[index]
        if torch.equal(sources, self.sources):
            return replace(self, state=_select_written(self.state, index))
        padding = None if self.padding is None else self.padding[index]
        return replace(self, state=select_state(self.state, index), sources=sources, padding=padding)


def _select_written(state: State, index: Tensor) -> State:
    """Take rows of what the decoder keeps of its own positions."""
    blocks = tuple(replace(block, mixer=select_state(block.mixer, index)) for block in state.blocks)
    return replace(state, blocks=blocks)


@torch.inference_mode()
def translate(
    model: Seq2Seq, source: Tensor, source_padding: Tensor | None, options: SearchOptions
) -> list[Hypothesis]:
    """Return the best target of each source (batch, length); the encoder runs once."""
    device = next(model.parameters()).device
    padding = None if source_padding is None else source_padding.to(device)
    memory = model.encode(source.to(device), padding)

    def step(tokens: Tensor, reading: Reading) -> tuple[Tensor, Reading]:
        logits, state = model.decode(
            tokens[:, None].to(device), reading.memory, reading.padding, state=reading.state
        )
        assert state is not None
        return logits[:, -1], replace(reading, state=state, memory=None)

    def select(reading: Reading, index: Tensor) -> Reading:
        return reading.select(index.to(device))

    start = Reading(model.initial_state(), torch.arange(len(source), device=device), memory, padding)
    return beam_search(step, select, start, len(source), options)


@torch.inference_mode()
def continue_text(
    model: CausalLM, prompt: Tensor, options: SearchOptions, window: int | None = None
) -> Hypothesis:
    """Return the best continuation of one prompt (length,), begin included.

    A model that is not endless stops where its positions do. `window` limits how far back SRU++ looks.
    """
    device, limit = next(model.parameters()).device, model.config.max_target_length
    assert limit is not None
    state: State | None = model.initial_state()
    for part in prompt[None, :-1].to(device).split(limit, dim=1) if len(prompt) > 1 else ():
        _, state = model(part, select=torch.zeros_like(part, dtype=torch.bool), state=state, window=window)

    def step(tokens: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        logits, state = model(tokens[:, None].to(device), state=state, window=window)
        return logits[:, -1], state

    def select(state: State | None, index: Tensor) -> State | None:
        return select_state(state, index.to(device))

    longest = options.max_length
    if not model.config.is_endless:
        longest = min(longest, limit - len(prompt) + 1)
    options = replace(options, begin=int(prompt[-1]), max_length=longest)
    return beam_search(step, select, state, 1, options)[0]
