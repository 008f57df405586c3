"""What a model is to transformers: the class that loads it, its special ids and its labels."""

from typing import Any

from synthcli.exporters.export_bundle import Leaving
from synthcli.importers.hugging_face.options import FORM, NO_NAME
from synthcli.model import ModelConfig

LOADERS = {
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "classification": "AutoModelForSequenceClassification",
    "choice": "AutoModelForMultipleChoice",
}


def kind_of(config: ModelConfig) -> str:
    """Return the task, or `choice` for a classifier of several texts."""
    is_choice = config.task == "classification" and config.head.output == "choice"
    return "choice" if is_choice else config.task


def special_ids(leaving: Leaving) -> dict[str, int]:
    """Return the ids of padding, begin and end; a decoder that reads a source starts from begin."""
    tokenizer = leaving.tokenizer
    if tokenizer is None:
        return {}
    ids = {"pad": tokenizer.pad_id, "bos": tokenizer.bos_id, "eos": tokenizer.eos_id}
    if leaving.config.task == "seq2seq":
        ids["decoder_start"] = tokenizer.bos_id
    return {f"{role}_token_id": number for role, number in ids.items()}


def form_of(leaving: Leaving) -> dict[str, str]:
    """Return the form in which a classifier was given texts of several fields."""
    if leaving.config.task != "classification" or leaving.tokenizer is None:
        return {}
    return {FORM: leaving.tokenizer.form}


def labels_of(config: ModelConfig) -> dict[str, Any]:
    """Return the names of a classifier's classes, or those that transformers gives to classes without."""
    if kind_of(config) != "classification":
        return {}
    problem = "regression" if config.head.output == "regression" else "single_label_classification"
    unnamed = (f"{NO_NAME}{number}" for number in range(config.num_outputs))
    names = config.class_names or tuple(unnamed)
    return {
        "problem_type": problem,
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }
