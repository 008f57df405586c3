"""`generation_config.json`: how the model writes where nothing else is asked for, as it was judged."""

import json
from pathlib import Path
from typing import Any

from synthcli.interop.export.hugging_face.kinds import special_ids
from synthcli.interop.export.leaving import Leaving

GENERATION = "generation_config.json"
WRITES = ("causal-lm", "seq2seq")


def write_generation(leaving: Leaving, folder: Path) -> None:
    """Write the file of a model that writes; others have none."""
    if leaving.config.task in WRITES:
        text = json.dumps(generation_of(leaving), indent=2) + "\n"
        (folder / GENERATION).write_text(text, encoding="utf-8")


def generation_of(leaving: Leaving) -> dict[str, Any]:
    """Return the options: greedy or beam search, as long a target as positions allow, no padding or begin."""
    config, writing, tokenizer = leaving.config, leaving.writing, leaving.tokenizer
    limit = config.max_target_length
    assert limit is not None
    longest = limit if writing.max_length is None else min(limit, writing.max_length)
    options: dict[str, Any] = {"do_sample": False, "num_beams": writing.beam}
    if config.task == "seq2seq":
        options["max_length"] = longest
    if writing.beam > 1:
        options |= {"length_penalty": writing.length_penalty, "early_stopping": True}
    if tokenizer is None:
        return options
    banned = sorted({tokenizer.pad_id, tokenizer.bos_id} - {tokenizer.eos_id})
    return options | special_ids(leaving) | {"suppress_tokens": banned}
