"""Decoding with our models: batches of sources in, token ids out."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synthcli.data.tokenizers.base import Tokenizer
from synthcli.evaluation.beam_search import Hypothesis, SearchOptions, beam_search
from synthcli.evaluation.config import EvaluationConfig
from synthcli.model import CausalLM, Seq2Seq, State, select_state


def search_options(tokenizer: Tokenizer, config: EvaluationConfig, limit: int) -> SearchOptions:
    """Return the options of a search for this tokenizer; `limit` is the model's own longest target."""
    return SearchOptions(
        begin=tokenizer.bos_id,
        end=tokenizer.eos_id,
        beam=config.beam,
        max_length=min(config.max_length or limit, limit),
        length_penalty=config.length_penalty,
        banned=(tokenizer.pad_id, tokenizer.bos_id),
    )


@dataclass(frozen=True)
class Reading:
    """A decoder at work on sources: `memory` is None once the state holds all that is read of it."""

    state: State
    memory: Tensor | None
    padding: Tensor | None


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
        return logits[:, -1].cpu(), Reading(state, None, reading.padding)

    def select(reading: Reading, index: Tensor) -> Reading:
        rows = index.to(device)
        kept = None if reading.padding is None else reading.padding[rows]
        return replace(reading, state=select_state(reading.state, rows), padding=kept)

    start = Reading(model.initial_state(), memory, padding)
    return beam_search(step, select, start, len(source), options)


@torch.inference_mode()
def continue_text(model: CausalLM, prompt: Tensor, options: SearchOptions) -> Hypothesis:
    """Return the best continuation of one prompt (length,), begin included."""
    device = next(model.parameters()).device
    state: State | None = model.initial_state()
    if len(prompt) > 1:
        _, state = model(prompt[None, :-1].to(device), state=state)

    def step(tokens: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        logits, state = model(tokens[:, None].to(device), state=state)
        return logits[:, -1].cpu(), state

    def select(state: State | None, index: Tensor) -> State | None:
        return select_state(state, index.to(device))

    limit = model.config.max_target_length
    assert limit is not None
    room = limit - len(prompt) + 1
    options = replace(options, begin=int(prompt[-1]), max_length=min(options.max_length, room))
    return beam_search(step, select, state, 1, options)[0]
