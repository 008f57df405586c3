"""BERT (Devlin et al. 2019): a post-norm encoder with learned positions and token types.

A bare `BertModel` has no head: it becomes a masked-language model whose logits are H Eᵀ, so that its hidden
states are a model of ours.
"""

from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.hugging_face.options import ACTIVATIONS, Options
from synthcli.importers.refusals import Only
from synthcli.importers.spare import Spare, counts_up, is_zero
from synthcli.importers.translate import Entry, TranslatedModel, affine, drop_tied_copies, translate_tensors
from synthcli.model import ModelConfig

PROBLEMS = ("regression", "single_label_classification")
TASKS = {
    "BertModel": "masked-lm",
    "BertForMaskedLM": "masked-lm",
    "BertForPreTraining": "masked-lm",
    "BertForSequenceClassification": "classification",
}

REFUSALS = (
    Only("position_embedding_type", ("absolute",), "positions are a table of vectors"),
    Only("is_decoder", (False,), "an encoder sees both sides"),
    Only("add_cross_attention", (False,), "an encoder reads no memory"),
    Only("hidden_act", tuple(ACTIVATIONS), "the non-linearities ours has too"),
    Only("quantization_config", (), "weights are real numbers"),
)
PROBLEM = Only("problem_type", PROBLEMS, "a text has one of the classes, or a number")

EMBEDDING, PREDICTIONS = "embeddings.word_embeddings.weight", "cls.predictions"

COUNTED = Spare(r"(^|\.)embeddings\.position_ids$", "positions kept as a list of numbers", counts_up)
NO_TYPES = Spare(r"(^|\.)embeddings\.token_type_ids$", "types of tokens kept as a list of zeros", is_zero)
SENTENCES = Spare(r"^cls\.seq_relationship\.(weight|bias)$", "the head that tells whether sentences follow")
POOLER = Spare(r"(^|\.)pooler\.dense\.(weight|bias)$", "a pooler that no prediction of tokens reads")
UNTIED_BIAS = Spare(r"^cls\.predictions\.bias$", "a bias that an untied output has under another name")
SPARES = (COUNTED, NO_TYPES, SENTENCES, POOLER, UNTIED_BIAS)


def import_bert(options: Options, tensors: Mapping[str, Tensor]) -> TranslatedModel:
    """Translate the weights of one of the classes in `TASKS`."""
    options.check(REFUSALS)
    architecture = options.architecture(TASKS) or _infer_architecture(tensors)
    root = "bert." if any(name.startswith("bert.") for name in tensors) else ""
    options.layers("num_hidden_layers", 12, tensors)
    config = _bert_config(options, tensors, architecture)
    spares: tuple[Spare, ...] = (COUNTED, NO_TYPES, SENTENCES)
    if config.task == "masked-lm":
        spares = (*spares, POOLER)
        if config.embeddings.tie == "none":
            spares = (*spares, UNTIED_BIAS)
        else:
            tensors = drop_tied_copies(tensors, _copies(root, tensors))
    return translate_tensors(config, bert_entries(config, root, tensors), tensors, spares)


def _copies(root: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names under which a tied output's matrix and bias may stand a second time."""
    decoder, bias = f"{PREDICTIONS}.decoder", f"{PREDICTIONS}.bias"
    copies = {f"{decoder}.weight": root + EMBEDDING}
    return copies | {f"{decoder}.bias": bias} if bias in tensors else copies


def bert_entries(config: ModelConfig, root: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Return the place of every tensor; `tensors` tell which of several names a file uses."""
    assert config.encoder is not None
    entries = _embeddings(root, tensors)
    for layer in range(config.encoder.layers):
        entries += _bert_layer(f"encoder.blocks.{layer}", f"{root}encoder.layer.{layer}", tensors)
    return entries + _head(config, root, tensors)


def _infer_architecture(tensors: Mapping[str, Tensor]) -> str:
    if "classifier.weight" in tensors:
        return "BertForSequenceClassification"
    is_masked_lm = any(name.startswith(f"{PREDICTIONS}.") for name in tensors)
    return "BertForMaskedLM" if is_masked_lm else "BertModel"


def _bert_config(options: Options, tensors: Mapping[str, Tensor], architecture: str) -> ModelConfig:
    dropout = options.number("hidden_dropout_prob", 0.1)
    is_tied = architecture == "BertModel" or options.switch("tie_word_embeddings", True)
    attention_dropout = options.number("attention_probs_dropout_prob", 0.1)
    fields: dict[str, object] = {
        "task": TASKS[architecture],
        "vocab_size": options.whole("vocab_size", 30522),
        "d_model": options.whole("hidden_size", 768),
        "d_ff": options.whole("intermediate_size", 3072),
        "activation": options.activation("hidden_act", "gelu"),
        "dropout": dropout,
        "feed_forward_dropout": 0.0,
        "norm_eps": options.number("layer_norm_eps", 1e-12),
        "block": "post-norm",
        "mixer": {"heads": options.whole("num_attention_heads", 12), "dropout": attention_dropout},
        "embeddings": {
            "positions": "learned",
            "token_types": options.whole("type_vocab_size", 2),
            "norm": True,
            "scale": False,
            "tie": "output" if is_tied else "none",
        },
        "encoder": {
            "layers": options.whole("num_hidden_layers", 12),
            "max_length": options.whole("max_position_embeddings", 512),
        },
    }
    if TASKS[architecture] == "classification":
        return ModelConfig.model_validate(fields | _classification(options, tensors))
    is_bare = architecture == "BertModel"
    head = {"output": "hidden"} if is_bare else {"transform": True, "bias": True}
    return ModelConfig.model_validate(fields | {"head": head})


def _classification(options: Options, tensors: Mapping[str, Tensor]) -> dict[str, object]:
    if "classifier.weight" not in tensors:
        raise SynthError("the weights lack `classifier.weight`", "the file is incomplete or of another model")
    num_classes = len(tensors["classifier.weight"])
    options.check((PROBLEM,))
    default = "regression" if num_classes == 1 else "single_label_classification"
    problem = options.one_of("problem_type", PROBLEMS, default)
    head = {"pool": "first", "pooler": True}
    if problem == "regression":
        return {"head": head | {"output": "regression"}}
    names = options.class_names(num_classes)
    return {"head": head | {"output": "classes"}, "num_classes": num_classes, "class_names": names}


def _embeddings(root: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    return [
        Entry("embeddings.tokens.weight", root + EMBEDDING),
        Entry("embeddings.positions.weight", f"{root}embeddings.position_embeddings.weight"),
        Entry("embeddings.token_types.weight", f"{root}embeddings.token_type_embeddings.weight"),
        *_bert_norm("embeddings.norm", f"{root}embeddings.LayerNorm", tensors),
    ]


def _bert_layer(ours: str, theirs: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    return [
        *affine(f"{ours}.mixer.scores.0.query", f"{theirs}.attention.self.query"),
        *affine(f"{ours}.mixer.scores.0.key", f"{theirs}.attention.self.key"),
        *affine(f"{ours}.mixer.value", f"{theirs}.attention.self.value"),
        *affine(f"{ours}.mixer.output", f"{theirs}.attention.output.dense"),
        *_bert_norm(f"{ours}.mixer_norm", f"{theirs}.attention.output.LayerNorm", tensors),
        *affine(f"{ours}.feed_forward.expand", f"{theirs}.intermediate.dense"),
        *affine(f"{ours}.feed_forward.output", f"{theirs}.output.dense"),
        *_bert_norm(f"{ours}.feed_forward_norm", f"{theirs}.output.LayerNorm", tensors),
    ]


def _head(config: ModelConfig, root: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    if config.task == "classification":
        return affine("head.pooler", f"{root}pooler.dense") + affine("head.output", "classifier")
    is_tied = config.embeddings.tie != "none"
    entries = [Entry("head.weight", root + EMBEDDING if is_tied else f"{PREDICTIONS}.decoder.weight")]
    if not config.head.transform:
        return entries
    transform, bias = f"{PREDICTIONS}.transform", f"{PREDICTIONS}.decoder.bias"
    return [
        *entries,
        Entry("head.bias", bias if bias in tensors else f"{PREDICTIONS}.bias"),
        *affine("head.transform.dense", f"{transform}.dense"),
        *_bert_norm("head.transform.norm", f"{transform}.LayerNorm", tensors),
    ]


def _bert_norm(ours: str, theirs: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Return the entries of a norm; files from before 2019 call its weight gamma and its bias beta."""
    if f"{theirs}.gamma" in tensors:
        return [Entry(f"{ours}.weight", f"{theirs}.gamma"), Entry(f"{ours}.bias", f"{theirs}.beta")]
    return affine(ours, theirs)
