"""Inputs to compare models on: random tokens of odd lengths, some rows padded."""

from collections.abc import Iterator

import torch
from torch import Tensor

from synthcli.exporters.export_bundle import ExportBundle

SHAPES = ((1, 7), (3, 19), (2, 61))  # batch and length; the last is also what is timed
PROMPTS = (3, 8)  # lengths of the texts that greedy decoding goes on from
STEPS = 64
CHOICES = 3

Inputs = dict[str, Tensor]


def draw_cases(bundle: ExportBundle, seed: int = 0) -> Iterator[Inputs]:
    """Yield inputs by name, as the model takes them; all but the first case are padded."""
    generator = torch.Generator().manual_seed(seed)
    for number, (batch, length) in enumerate(SHAPES):
        yield _draw_inputs(bundle, batch, length, number > 0, generator)


def _draw_inputs(
    bundle: ExportBundle, batch: int, length: int, is_padded: bool, generator: torch.Generator
) -> Inputs:
    """Return one case; where it is padded, all rows but the first are shorter."""
    config = bundle.config
    if config.task == "seq2seq":
        source = _draw_tokens(bundle, (batch, min(length, config.max_source_length or length)), generator)
        target = _draw_tokens(
            bundle, (batch, min(length * 2 // 3, config.max_target_length or length)), generator
        )
        return _pad_tokens(bundle, "source", source, is_padded) | _pad_tokens(
            bundle, "tokens", target, is_padded
        )
    longest = config.max_target_length or config.max_source_length
    assert longest is not None
    is_choice = config.task == "classification" and config.head.output == "choice"
    choices = (CHOICES,) if is_choice else ()
    tokens = _draw_tokens(bundle, (batch, *choices, min(length, longest)), generator)
    inputs = _pad_tokens(bundle, "tokens", tokens, is_padded)
    if config.embeddings.token_types > 1 and config.task in ("masked-lm", "classification"):
        inputs["token_types"] = torch.zeros_like(tokens)
        inputs["token_types"][..., tokens.shape[-1] // 2 :] = 1
    return inputs


def _draw_tokens(bundle: ExportBundle, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return ids of the vocabulary, none of them padding."""
    tokens = torch.randint(0, bundle.config.vocab_size, shape, generator=generator)
    pad = pad_id(bundle)
    return torch.where(tokens == pad, (pad + 1) % bundle.config.vocab_size, tokens)


def _pad_tokens(bundle: ExportBundle, name: str, tokens: Tensor, is_padded: bool) -> Inputs:
    """Return tokens, and where they are padding: row r of n keeps n − r of n parts of its length."""
    if not is_padded:
        return {name: tokens}
    rows, length = len(tokens), tokens.shape[-1]
    kept = (torch.arange(rows, 0, -1) * length).div(rows, rounding_mode="floor").clamp_min(1)
    padding = torch.arange(length) >= kept.view(-1, *[1] * (tokens.dim() - 1))
    padding = padding.expand_as(tokens).contiguous()
    names = {"tokens": "padding", "source": "source_padding"}
    return {name: tokens.masked_fill(padding, pad_id(bundle)), names[name]: padding}


def draw_prompts(bundle: ExportBundle, seed: int = 1) -> list[Tensor]:
    """Return texts (length,) to go on from, or sources to translate."""
    generator, limit = torch.Generator().manual_seed(seed), _longest_prompt(bundle)
    return [_draw_tokens(bundle, (min(length, limit),), generator) for length in PROMPTS]


def _longest_prompt(bundle: ExportBundle) -> int:
    """Return how long a prompt may be such that at least one token follows."""
    config = bundle.config
    limit = config.max_source_length if config.task == "seq2seq" else config.max_target_length
    assert limit is not None
    return limit


def count_steps(bundle: ExportBundle) -> int:
    """Return how many tokens greedy decoding adds: as many as positions allow."""
    limit = bundle.config.max_target_length
    assert limit is not None
    return min(STEPS, limit if bundle.config.task == "seq2seq" else limit - min(max(PROMPTS), limit) + 1)


def pad_id(bundle: ExportBundle) -> int:
    return 0 if bundle.tokenizer is None else bundle.tokenizer.pad_id


def begin_id(bundle: ExportBundle) -> int:
    return 0 if bundle.tokenizer is None else bundle.tokenizer.bos_id
