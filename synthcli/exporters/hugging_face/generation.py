"""`generation_config.json`: how the model writes where nothing else is asked for, as it was judged."""

import json
from pathlib import Path

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.hugging_face.auto_classes import special_ids

GENERATION = "generation_config.json"
WRITES = ("causal-lm", "seq2seq")


def write_generation(bundle: ExportBundle, folder: Path) -> None:
    """Write the file of a model that writes; others have none."""
    if bundle.config.task in WRITES:
        text = json.dumps(make_generation_config(bundle), indent=2) + "\n"
        (folder / GENERATION).write_text(text, encoding="utf-8")


def make_generation_config(bundle: ExportBundle) -> dict[str, object]:
    """Return the options; no padding or begin is written, and no more than there are positions.

    A language model writes greedily, as `synth generate` does; an encoder-decoder as it was judged.
    """
    config, settings, tokenizer = bundle.config, bundle.generation, bundle.tokenizer
    limit, is_lm = config.max_target_length, config.task == "causal-lm"
    assert limit is not None
    beams = 1 if is_lm else settings.beam
    options: dict[str, object] = {"do_sample": False, "num_beams": beams}
    if not config.is_endless:
        options["max_length"] = limit if is_lm else min(limit, settings.max_length or limit)
    if beams > 1:
        options |= {"length_penalty": settings.length_penalty, "early_stopping": True}
    if tokenizer is None:
        return options
    banned = sorted({tokenizer.pad_id, tokenizer.bos_id} - {tokenizer.eos_id})
    return options | special_ids(bundle) | {"suppress_tokens": banned}
