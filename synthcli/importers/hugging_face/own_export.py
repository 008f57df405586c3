"""Folders that `synth export` wrote with own code, as they are or as another program saved them anew.

`synth` of `config.json` is our configuration. What such programs change is read off the rest: the class that
saved the weights tells the head, the head how many classes there are, `vocab_size` how many words.
"""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.hugging_face.bert import PROBLEM, PROBLEMS
from synthcli.importers.hugging_face.options import Options
from synthcli.importers.hugging_face.own_export_names import possible_names
from synthcli.importers.refusals import Only
from synthcli.importers.spare import Spare
from synthcli.importers.translate import Entry, TranslatedModel, build_empty, translate_tensors
from synthcli.model import ModelConfig

OWN = "synth"  # begins the `model_type` of our own code
TABLE = "synth"  # our configuration in `config.json`

# class → the kind of its head
KINDS = {
    "SynthForCausalLM": "causal-lm",
    "SynthDecoderModel": "causal-lm",
    "SynthForMaskedLM": "masked-lm",
    "SynthEncoderModel": "masked-lm",
    "SynthForSeq2SeqLM": "seq2seq",
    "SynthSeq2SeqModel": "seq2seq",
    "SynthForSequenceClassification": "classification",
    "SynthForMultipleChoice": "choice",
}
HEADLESS = "SynthEncoderModel"
# classes whose heads ours do not have
OTHERS = {
    "SynthForTokenClassification": "classes of single tokens",
    "SynthForQuestionAnswering": "where an answer begins and ends",
}
HAS_NO_HEAD = "name the folder of a model with one of " + ", ".join(f"`{name}`" for name in KINDS)

REFUSALS = (Only("quantization_config", (), "weights are real numbers"),)
POOLER = Spare(r"^pooler\.(weight|bias)$", "a pooler whose vector no head reads")


def is_own(options: Options) -> bool:
    """Whether a folder has our own code."""
    return str(options.values["model_type"]).startswith(OWN)


def import_own(options: Options, tensors: Mapping[str, Tensor]) -> TranslatedModel:
    """Return our configuration and weights, whatever of head and vocabulary was changed."""
    options.check(REFUSALS)
    architecture = _architecture(options)
    kind = KINDS[architecture]
    config = _own_config(options, tensors, architecture)
    for stack in (config.encoder, config.decoder):
        if stack is not None and stack.layers > len(tensors):
            message = f"`layers = {stack.layers}` of `{options.path}`, and there are {len(tensors)} tensors"
            raise SynthError(message, "the weights are incomplete, or of another model")
    entries = list(_find_entries(build_empty(config), kind, tensors))
    return translate_tensors(config, entries, tensors, (POOLER,) if architecture == HEADLESS else ())


def _architecture(options: Options) -> str:
    """Return the class that saved the weights, or raise for one whose head ours does not have."""
    named = options.values.get("architectures")
    name = named[0] if isinstance(named, list) and named else None
    if isinstance(name, str) and name in OTHERS:
        message = f"a model `{name}` cannot be imported (`{options.path}`): it tells {OTHERS[name]}"
        raise SynthError(message, "`synth` has no such head: import the model it began from")
    found = options.architecture(KINDS)
    if found is None:
        raise SynthError(f"`{options.path}` names no class in `architectures`", HAS_NO_HEAD)
    return found


def _own_config(options: Options, tensors: Mapping[str, Tensor], architecture: str) -> ModelConfig:
    table = options.values.get(TABLE)
    if not isinstance(table, dict):
        raise SynthError(f"`{options.path}` holds no table `{TABLE}`", "copy the folder anew")
    old = ModelConfig.model_validate(table)
    kind, size = KINDS[architecture], options.whole("vocab_size", old.vocab_size)
    changed: dict[str, object] = table | {"vocab_size": size}
    if kind in ("classification", "choice"):
        changed |= _classifier(options, tensors, old, kind)
    elif architecture == HEADLESS:
        changed |= _headless(options, old)
    if "task" not in changed or kind not in ("classification", "choice", changed["task"]):
        message = f"`{architecture}` of `{options.path}` is for `{kind}`, and its table `{TABLE}` says"
        raise SynthError(f"{message} `{old.task}`", "copy the folder anew")
    return ModelConfig.model_validate(changed)


def _classifier(
    options: Options, tensors: Mapping[str, Tensor], old: ModelConfig, kind: str
) -> dict[str, object]:
    """Return what makes a classifier of a configuration: its own head, or a new one on its encoder."""
    head: dict[str, object] = {"pool": old.head.pool, "pooler": old.head.pooler}
    stack = {"decoder": None} if old.encoder is not None else {}
    changed: dict[str, object] = {"task": "classification", "num_classes": None, "class_names": None, **stack}
    if kind == "choice":
        return changed | {"head": head | {"output": "choice"}}
    names = possible_names("head.output.weight", kind)
    found = next((tensors[name] for name in names if name in tensors), None)
    if found is None or not found.dim():
        raise SynthError(f"the weights lack `{names[0]}`", "the file is incomplete or of another model")
    options.check((PROBLEM,))
    default = "regression" if len(found) == 1 else "single_label_classification"
    if options.one_of("problem_type", PROBLEMS, default) == "regression":
        return changed | {"head": head | {"output": "regression"}}
    classes = {"num_classes": len(found), "class_names": options.class_names(len(found))}
    return changed | classes | {"head": head | {"output": "classes"}}


def _headless(options: Options, old: ModelConfig) -> dict[str, object]:
    """Return what makes an encoder without a head of a configuration: hidden states are what it is for."""
    if old.encoder is None or old.embeddings.width(old.d_model) != old.d_model:
        why = "it reads by a decoder" if old.encoder is None else "its vectors are narrower than its layers"
        message = f"`{HEADLESS}` of `{options.path}` came without a head: {why}"
        raise SynthError(message, "import the folder with its head")
    embeddings = old.embeddings.model_dump() | {"tie": "output"}
    no_classes = {"num_classes": None, "class_names": None}
    return {"task": "masked-lm", "head": {"output": "hidden"}, "embeddings": embeddings, **no_classes}


def _find_entries(model: nn.Module, kind: str, tensors: Mapping[str, Tensor]) -> Iterator[Entry]:
    """Yield the place of every tensor of ours; a tied one may stand under any of its names."""
    alike: dict[int, list[str]] = {}
    saved = model.state_dict(keep_vars=True)
    for name, tensor in saved.items():
        alike.setdefault(id(tensor), []).append(name)
    for name, tensor in saved.items():
        tied = [other for other in alike[id(tensor)] if other != name]
        candidates = [theirs for ours in (name, *tied) for theirs in possible_names(ours, kind)]
        source = next((theirs for theirs in candidates if theirs in tensors), candidates[0])
        yield Entry(name, source)
