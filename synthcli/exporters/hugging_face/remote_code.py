"""A folder with the Python files of its own model: what transformers has no class for."""

import hashlib
import json
from pathlib import Path

from synthcli.atomic_files import save_tensors
from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.hugging_face.auto_classes import (
    LOADERS,
    get_kind,
    label_entries,
    special_ids,
    text_form_entry,
)
from synthcli.exporters.hugging_face.definitions import Place, module_named
from synthcli.exporters.hugging_face.modeling import CONFIGURATION, MODELING, write_modeling_source
from synthcli.exporters.hugging_face.tree_shake import CONFIGURATION as CONFIGURATION_MODULE
from synthcli.exporters.hugging_face.tree_shake import REMOTE
from synthcli.exporters.safetensors_export import CONFIG, WEIGHTS, collect_tensors
from synthcli.importers.hugging_face.own_export_names import export_name
from synthcli.model import ModelConfig

# auto class → (file of `remote`, class)
ENCODER_CLASSES: dict[str, Place] = {
    "AutoModel": ("encoder", "SynthEncoderModel"),
    "AutoModelForSequenceClassification": ("classification", "SynthForSequenceClassification"),
    "AutoModelForTokenClassification": ("token_classification", "SynthForTokenClassification"),
    "AutoModelForQuestionAnswering": ("question_answering", "SynthForQuestionAnswering"),
    "AutoModelForMultipleChoice": ("multiple_choice", "SynthForMultipleChoice"),
}
# of each kind; one of them, `LOADERS` says which, is the class of this very checkpoint
CLASSES: dict[str, dict[str, Place]] = {
    "causal-lm": {
        "AutoModelForCausalLM": ("causal_lm", "SynthForCausalLM"),
        "AutoModel": ("decoder", "SynthDecoderModel"),
    },
    "masked-lm": {"AutoModelForMaskedLM": ("masked_lm", "SynthForMaskedLM"), **ENCODER_CLASSES},
    "seq2seq": {
        "AutoModelForSeq2SeqLM": ("seq2seq", "SynthForSeq2SeqLM"),
        "AutoModel": ("seq2seq_model", "SynthSeq2SeqModel"),
    },
    "classification": ENCODER_CLASSES,
    "choice": ENCODER_CLASSES,
}


def write_remote_code(bundle: ExportBundle, folder: Path) -> None:
    """Write configuration, weights and Python files."""
    config = _resolve_defaults(bundle.config)
    kind = get_kind(config)
    source = write_modeling_source(
        config, [(f"{REMOTE}.{module}", name) for module, name in CLASSES[kind].values()]
    )
    (folder / f"{MODELING}.py").write_text(source, encoding="utf-8")
    model_type = _name_model_type(source)
    (folder / f"{CONFIGURATION}.py").write_text(_configuration_source(model_type), encoding="utf-8")
    options = _make_config(bundle, config) | {"model_type": model_type}
    (folder / CONFIG).write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")
    tensors = {export_name(name, kind): tensor for name, tensor in collect_tensors(bundle.model).items()}
    save_tensors(folder / WEIGHTS, tensors, {"format": "pt"})


def _name_model_type(source: str) -> str:
    """Return a name for models of this code.

    transformers keeps one class a name: two folders of one name would load with the code of the first.
    """
    return f"synth-{hashlib.sha256(source.encode()).hexdigest()[:12]}"


def _configuration_source(model_type: str) -> str:
    """Return the file of the configuration's class."""
    text = "\n".join(module_named(CONFIGURATION_MODULE).lines) + "\n"
    return text.replace('model_type = "synth"', f'model_type = "{model_type}"')


def _resolve_defaults(config: ModelConfig) -> ModelConfig:
    """Return a configuration that says what it leaves to defaults."""
    if config.task != "seq2seq":
        return config
    return config.model_copy(update={"cross": config.cross_attention})


def _make_config(bundle: ExportBundle, config: ModelConfig) -> dict[str, object]:
    """Return `config.json`: what transformers reads, and our configuration in `synth`."""
    kind = get_kind(config)
    classes = {auto: f"{MODELING}.{name}" for auto, (_, name) in CLASSES[kind].items()}
    stack = config.decoder or config.encoder
    assert stack is not None
    return {
        "architectures": [CLASSES[kind][LOADERS[kind]][1]],
        "auto_map": {"AutoConfig": f"{CONFIGURATION}.SynthConfig", **classes},
        "dtype": "float32",
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "num_hidden_layers": stack.layers,
        **({"num_attention_heads": heads} if (heads := _count_heads(config)) else {}),
        "is_encoder_decoder": config.task == "seq2seq",
        "tie_word_embeddings": config.embeddings.tie != "none",
        "use_cache": config.max_target_length is not None,
        "window": stack.max_length if config.is_endless else None,
        **({} if config.is_endless else {"max_position_embeddings": stack.max_length}),
        **special_ids(bundle),
        **label_entries(config),
        **text_form_entry(bundle),
        "synth": json.loads(config.model_dump_json()),
    }


def _count_heads(config: ModelConfig) -> int | None:
    """Return the heads of the first layer that has any; None where no layer attends."""
    mixers = [getattr(mixer, "attention", mixer) for _, _, mixer in config.mixers()]
    return next((mixer.heads for mixer in mixers if hasattr(mixer, "heads")), None)
