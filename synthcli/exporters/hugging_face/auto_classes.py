"""What a model is to transformers: the class that loads it, its special ids and its labels."""

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.importers.hugging_face.options import FORM, NO_NAME
from synthcli.model import ModelConfig

LOADERS = {
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "classification": "AutoModelForSequenceClassification",
    "choice": "AutoModelForMultipleChoice",
}


def get_kind(config: ModelConfig) -> str:
    """Return the task, or `choice` for a classifier of several texts."""
    is_choice = config.task == "classification" and config.head.output == "choice"
    return "choice" if is_choice else config.task


def special_ids(bundle: ExportBundle) -> dict[str, int]:
    """Return the ids of padding, begin and end; a decoder that reads a source starts from begin."""
    tokenizer = bundle.tokenizer
    if tokenizer is None:
        return {}
    ids = {"pad": tokenizer.pad_id, "bos": tokenizer.bos_id, "eos": tokenizer.eos_id}
    if bundle.config.task == "seq2seq":
        ids["decoder_start"] = tokenizer.bos_id
    return {f"{role}_token_id": number for role, number in ids.items()}


def text_form_entry(bundle: ExportBundle) -> dict[str, str]:
    """Return the form in which a classifier was given texts of several fields."""
    if bundle.config.task != "classification" or bundle.tokenizer is None:
        return {}
    return {FORM: bundle.tokenizer.form}


def label_entries(config: ModelConfig) -> dict[str, object]:
    """Return the names of a classifier's classes, or those that transformers gives to classes without."""
    if get_kind(config) != "classification":
        return {}
    problem = "regression" if config.head.output == "regression" else "single_label_classification"
    unnamed = (f"{NO_NAME}{number}" for number in range(config.num_outputs))
    names = config.class_names or tuple(unnamed)
    return {
        "problem_type": problem,
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }
