"""Let a checkpoint write."""

from collections.abc import Iterator
from pathlib import Path

import torch

from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import continue_text, is_endless, search_options, translate
from synthcli.model import CausalLM, Seq2Seq
from synthcli.training.checkpoints import load_model


def generated_texts(path: Path, prompts: list[str], config: EvaluationConfig) -> Iterator[str]:
    """Yield a translation, or a prompt and its continuation, for each prompt."""
    model, tokenizer = load_model(path)
    if not isinstance(model, Seq2Seq | CausalLM):
        task = model.config.task  # type: ignore[union-attr]
        metric = "accuracy" if task == "classification" else "perplexity"
        raise SynthError(f"a model of task `{task}` does not write", f"judge it with `synth eval {metric}`")
    limit = model.config.max_target_length
    assert limit is not None
    has_no_end = is_endless(model.config)
    options = search_options(tokenizer, config, limit, has_no_end)
    window = (config.window or limit) if has_no_end else None
    for prompt, ids in zip(prompts, tokenizer.encode_batch(prompts), strict=True):
        if isinstance(model, Seq2Seq):
            (found,) = translate(model, torch.tensor([[*ids, tokenizer.eos_id]]), None, options)
            yield tokenizer.decode(list(found.tokens))
        else:
            if len(ids) >= limit and not has_no_end:
                raise SynthError(
                    f"a prompt of {len(ids)} tokens leaves no room in {limit} positions", "shorten the prompt"
                )
            found = continue_text(model, torch.tensor([tokenizer.bos_id, *ids]), options, window)
            yield prompt + tokenizer.decode(list(found.tokens))
