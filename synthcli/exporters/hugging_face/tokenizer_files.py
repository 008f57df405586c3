"""The tokenizer as transformers loads it: `tokenizer.json` of the same ids, and what frames a text.

A text becomes what the model was trained on: begin before it, end after it, or both, by the task.
"""

import json
from pathlib import Path

from synthcli.data.tokenizers import Tokenizer
from synthcli.exporters.hugging_face.tokenizers_by_kind import CONVERTERS, Converted
from synthcli.model import ModelConfig

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"

# what stands before and after a text, by task
FRAMES: dict[str, tuple[bool, bool]] = {
    "causal-lm": (True, False),
    "masked-lm": (True, True),
    "seq2seq": (False, True),
    "classification": (True, False),
}


def write_tokenizer(tokenizer: Tokenizer, config: ModelConfig, folder: Path) -> tuple[str, ...]:
    """Write both files, and return what a reader should know of ids that differ, a sentence each."""
    converted = CONVERTERS[tokenizer.kind](tokenizer)
    _add_frame(converted, tokenizer, config)
    (folder / TOKENIZER).write_text(converted.model.to_str(pretty=True), encoding="utf-8")
    settings = _make_tokenizer_config(converted, config)
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return converted.notes


def _add_frame(converted: Converted, tokenizer: Tokenizer, config: ModelConfig) -> None:
    """Let the tokenizer add what the model's texts begin and end with."""
    from tokenizers import processors

    begins, ends = FRAMES[config.task]
    ends = ends or (config.task == "classification" and tokenizer.ends_texts)
    begin, end = converted.names["bos"], converted.names["eos"]
    before, after = [begin] if begins else [], [end] if ends else []
    converted.model.post_processor = processors.TemplateProcessing(
        single=[*before, "$A", *after],
        pair=[*before, "$A", *(after or [end] * begins), "$B:1", *[f"{name}:1" for name in after]],
        special_tokens=list({begin: tokenizer.bos_id, end: tokenizer.eos_id}.items()),
    )


def _make_tokenizer_config(converted: Converted, config: ModelConfig) -> dict[str, object]:
    """Return `tokenizer_config.json`."""
    stack = config.encoder or config.decoder
    assert stack is not None
    names = {f"{role}_token": name for role, name in converted.names.items()}
    if "mask" in converted.names:
        names |= {"cls_token": converted.names["bos"], "sep_token": converted.names["eos"]}
    inputs = ["input_ids", "attention_mask"]
    if config.embeddings.token_types and config.task in ("masked-lm", "classification"):
        inputs.insert(1, "token_type_ids")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **names,
        "model_input_names": inputs,
        "model_max_length": stack.max_length,
        "padding_side": "left" if config.task == "causal-lm" else "right",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": converted.splits_marks,
    }
