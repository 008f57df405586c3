"""Language models of the SRU repository, of its experiments with SRU and SRU++: a bare state dict.

A bidirectional one is an encoder: with an output layer it guesses hidden words, without one it has hidden
states alone.

Everything but heads is read off the weights: which layers have attention, the width of z, both kinds of norm,
the rescaling of the skip, and where the width changes: vectors may be narrower or wider than the layers, and
enter the first one as they are, or through a map. A stack of layers alone is no language model.
"""

from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.base import ImportResult, ImportSource
from synthcli.importers.infer_sizes import count_columns, count_layers, rows
from synthcli.importers.options import (
    OriginalOptions,
    accept_options,
    describe_values,
    refuse_unseen_option,
    single_heads,
)
from synthcli.importers.refusals import describe_options
from synthcli.importers.safe_load import load_tensors
from synthcli.importers.srupp import import_sru, import_srupp
from synthcli.importers.srupp.embeddings import (
    EMBEDDING,
    OUTPUT,
    adaptive_embeddings,
    model_entries,
    plain_embeddings,
)
from synthcli.importers.srupp.weight_map import INPUT, REFUSALS, TranslatedLayers
from synthcli.importers.translate import TranslatedModel, translate_tensors
from synthcli.model import ModelConfig

WHAT = "a language model of the SRU repository"
ASSUMED = {
    "context_length": "512",
    "normalize_after": "False",
    "has_skip_term": "True",
    "bidirectional": "False",
}
OWN = {
    "context_length": "positions of one segment, 512 unless given: the model itself has no last one",
    "scale_emb": "True or False: embeddings are multiplied by √n_d; with clusters of words True unless given",
}
OPTIONS = {
    **OWN,
    "normalize_after": "True: the norm stands behind each layer, not before it",
    "has_skip_term": "False: layers have no highway",
    "rescale": "False: the skipped input is not rescaled; read off the file unless given",
    "highway_bias": "where the reset gates started; it matters to training alone, the file holds the factor",
    "bidirectional": "True: half of each layer reads backwards, and the model is an encoder",
    **describe_options(REFUSALS),
}
STRUCTURES = {
    "no attention at all": "none of the {depth} layers of an SRU++ has attention",
    "a stack of layers alone": "the weights are a stack of layers, which is no language model",
    "an encoder of another width": (
        "vectors of width {own} enter layers of width {width}, and there is no `output_layer`"
    ),
    "attention by no rule": (
        "of {depth} layers number {places} have attention, which is neither every k-th nor the last n"
    ),
}
BARE = "in Python: `synthcli.importers.srupp.import_srupp(options, weights)`, or `import_sru`"
RNN = "rnn."


def read_srupp(request: ImportSource) -> ImportResult:
    """Read a checkpoint of the repository's language models."""
    given = accept_options(request, OPTIONS, "srupp")
    file = load_tensors(request.path)
    _refuse_bare_layers(file.tensors)
    layers = {name.removeprefix(RNN): t for name, t in file.tensors.items() if name.startswith(RNN)}
    directions = 1 + OriginalOptions("SRU", given).switch("bidirectional")
    found = _infer_layer_options(layers, single_heads(request), directions)
    options = {**ASSUMED, **found, **given}
    imported = _translate_language_model(options, file.tensors, layers)
    assumed = {key: value for key, value in ASSUMED.items() if key not in given}
    notes = (
        describe_values("read off the weights", found),
        describe_values("assumed, as the repository has it", assumed),
    )
    folder = request.path if request.path.is_dir() else request.path.parent
    return ImportResult(imported, tuple(filter(None, notes)), folder, file.tensors)


def _refuse_bare_layers(tensors: Mapping[str, Tensor]) -> None:
    if any(name.startswith("rnn_lst.") for name in tensors):
        raise SynthError(
            STRUCTURES["a stack of layers alone"],
            BARE,
        )
    if not any(name.startswith(f"{RNN}rnn_lst.") for name in tensors):
        raise SynthError("the weights lack `rnn.rnn_lst.0`", f"is it a checkpoint of {WHAT}?")


def _infer_layer_options(layers: Mapping[str, Tensor], heads: int | None, directions: int) -> dict[str, str]:
    """Return the options of the stack, as far as its weights show them.

    `directions` is 2 where half of a layer's columns reads backwards, which no shape shows.
    """
    depth, first = count_layers(layers, r"rnn_lst\.(\d{1,9})\."), "rnn_lst.0.transform_module"
    first_maps = (f"{first}.weight", f"{first}.0.weight", f"{first}.linear1.weight")
    into = next((name for name in first_maps if name in layers), first_maps[-1])
    is_plain = into != first_maps[-1]
    found: dict[str, object] = {
        "input_size": count_columns(layers, INPUT if INPUT in layers else into, WHAT),
        "hidden_size": rows(layers, "rnn_lst.0.bias", WHAT) // (2 * directions),
        "num_layers": depth,
        "layer_norm": "rnn_lst.0.layer_norm.weight" in layers,
        "v1": not any(layers[n].any() for n in layers if n.endswith(".weight_c")),
    }
    if INPUT in layers:
        found["proj_input_to_hidden_first"] = True
    if not is_plain:
        found["proj_size"] = rows(layers, into, WHAT)
        found |= _infer_attention_place(layers, depth)
        if heads is None:
            raise refuse_unseen_option(
                "num_heads", "heads share one matrix", "`--heads 1`, as the paper has it"
            )
        found["num_heads"] = heads
    return {key: str(value) for key, value in found.items()}


def _infer_attention_place(layers: Mapping[str, Tensor], depth: int) -> dict[str, int]:
    """Return whether every k-th layer has attention, or the last n."""
    places = [n for n in range(depth) if f"rnn_lst.{n}.transform_module.alpha" in layers]
    if not places:
        message = STRUCTURES["no attention at all"].format(depth=depth)
        raise SynthError(
            message, f"trained with `attention_every_n_layers` above {depth}? import it in Python"
        )
    every = places[0] + 1
    if places == [n for n in range(depth) if (n + 1) % every == 0]:
        return {"attention_every_n_layers": every}
    if places == list(range(places[0], depth)):
        return {"attention_last_n_layers": len(places)}
    message = STRUCTURES["attention by no rule"].format(depth=depth, places=", ".join(map(str, places)))
    raise SynthError(
        message, "`attention_every_n_layers` or `attention_last_n_layers` of the original place it"
    )


def _translate_language_model(
    options: Mapping[str, str], tensors: Mapping[str, Tensor], layers: Mapping[str, Tensor]
) -> TranslatedModel:
    """Translate layers, embedding and output; every tensor has a place or is refused."""
    own = {key: value for key, value in options.items() if key not in OWN}
    stack = (import_srupp if "proj_size" in options else import_sru)(own, layers)
    config = _language_model_config(options, tensors, stack)
    parts = dict(stack.weights) if stack.input is None else {**stack.weights, INPUT: stack.input}
    outside = {name: t for name, t in tensors.items() if not name.startswith(RNN)}
    whole = translate_tensors(config, model_entries(config, tensors, stack.weights), outside | parts, ())
    names = {
        ours: RNN + stack.original_names.get(theirs, theirs) if theirs in parts else theirs
        for ours, theirs in whole.original_names.items()
    }
    reasons = {RNN + name: why for name, why in stack.reasons.items()}
    return TranslatedModel(config, whole.weights, names, tuple(sorted(reasons)), reasons)


def _language_model_config(
    options: Mapping[str, str], tensors: Mapping[str, Tensor], stack: TranslatedLayers
) -> ModelConfig:
    given = OriginalOptions("SRU language model", options)
    embeddings: dict[str, object] = {"positions": "none", "scale": given.switch("scale_emb")}
    width = stack.layers[-1].config.width_of_output(0)
    clusters = _cluster_rows(tensors)
    if clusters:
        embeddings |= adaptive_embeddings(tensors, clusters)
        embeddings["scale"] = given.switch("scale_emb", not given.switch("layer_norm"))
    else:
        embeddings |= plain_embeddings(tensors, width, stack.input)
    is_encoder, has_output = given.switch("bidirectional"), _has_output_layer(tensors)
    if is_encoder and not has_output and embeddings["tie"] == "none":
        own = count_columns(tensors, EMBEDDING, WHAT)
        raise SynthError(STRUCTURES["an encoder of another width"].format(own=own, width=width), BARE)
    mixers = [layer.config.model_dump() for layer in stack.layers]
    return ModelConfig.model_validate(
        {
            "task": "masked-lm" if is_encoder else "causal-lm",
            "vocab_size": sum(clusters) or rows(tensors, "embedding_layer.weight", WHAT),
            "d_model": width,
            "block": "recurrent",
            "dropout": 0.0,
            "mixer": mixers[0],
            "embeddings": embeddings,
            "head": {
                "bias": "output_layer.bias" in tensors or bool(clusters),
                "output": "hidden" if is_encoder and not has_output else "classes",
            },
            "encoder" if is_encoder else "decoder": {
                "layers": len(mixers),
                "max_length": given.whole("context_length"),
                "layer_mixers": {n: own for n, own in enumerate(mixers) if own != mixers[0]},
            },
        }
    )


def _has_output_layer(tensors: Mapping[str, Tensor]) -> bool:
    return any(name.startswith(f"{OUTPUT}.") for name in tensors)


def _cluster_rows(tensors: Mapping[str, Tensor]) -> list[int]:
    """Return the words of each cluster; the first one's matrix also has a row for each other cluster."""
    number = count_layers(tensors, r"output_layer\.out_layers\.(\d{1,9})\.")
    sizes = [rows(tensors, f"output_layer.out_layers.{i}.weight", WHAT) for i in range(number)]
    return [sizes[0] - (number - 1), *sizes[1:]] if sizes else []
