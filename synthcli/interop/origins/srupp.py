"""Language models of the SRU repository, of its experiments with SRU and SRU++: a bare state dict.

Everything but heads is read off the weights: which layers have attention, the width of z, both kinds of norm,
the rescaling of the skip. A stack of layers alone is no language model, and widths that change from layer to
layer have no place in ours.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.interop.foreign import read_foreign
from synthcli.interop.imported import Change, Entry, Imported, translate
from synthcli.interop.originals import import_sru, import_srupp
from synthcli.interop.originals.srupp import SPARE
from synthcli.interop.origins.base import Arrival, Request
from synthcli.interop.origins.inferring import columns, count, known_options, one_heads, rows, wanted
from synthcli.interop.origins.synthesizer import noted
from synthcli.model import ModelConfig

WHAT = "a language model of the SRU repository"
OPTIONS = {
    "context_length": "positions of one segment, 512 unless given: the model itself has no last one",
    "normalize_after": "True: the norm stands behind each layer, not before it",
    "has_skip_term": "False: layers have no highway",
    "scale_emb": "True or False: embeddings are multiplied by √n_d; with clusters of words True unless given",
}
ASSUMED = {"context_length": "512", "normalize_after": "False", "has_skip_term": "True"}
RNN, EMBEDDING, OUTPUT = "rnn.", "embedding_layer.weight", "output_layer"


def read_srupp(request: Request) -> Arrival:
    """Read a checkpoint of the repository's language models."""
    given = known_options(request, OPTIONS, "srupp")
    file = read_foreign(request.path)
    refuse_bare_layers(file.tensors)
    layers = {name.removeprefix(RNN): t for name, t in file.tensors.items() if name.startswith(RNN)}
    found = inferred(layers, one_heads(request))
    options = {**ASSUMED, **found, **given}
    imported = language_model(options, file.tensors, layers)
    assumed = {key: value for key, value in ASSUMED.items() if key not in given}
    notes = (noted("read off the weights", found), noted("assumed, as the repository has it", assumed))
    folder = request.path if request.path.is_dir() else request.path.parent
    return Arrival(imported, tuple(filter(None, notes)), folder, file.tensors)


def refuse_bare_layers(tensors: Mapping[str, Tensor]) -> None:
    if any(name.startswith("rnn_lst.") for name in tensors):
        raise SynthError(
            "the weights are a stack of layers, which is no language model",
            "in Python: `synthcli.interop.originals.import_srupp(options, weights)`, or `import_sru`",
        )
    if not any(name.startswith(f"{RNN}rnn_lst.") for name in tensors):
        raise SynthError("the weights lack `rnn.rnn_lst.0`", f"is it a checkpoint of {WHAT}?")


def inferred(layers: Mapping[str, Tensor], heads: int | None) -> dict[str, str]:
    """Return the options of the stack, as far as its weights show them."""
    depth, first = count(layers, r"rnn_lst\.(\d+)\."), "rnn_lst.0.transform_module"
    is_plain = f"{first}.weight" in layers
    width = columns(layers, f"{first}.weight" if is_plain else f"{first}.linear1.weight", WHAT)
    found: dict[str, object] = {
        "input_size": width,
        "hidden_size": width,
        "num_layers": depth,
        "layer_norm": "rnn_lst.0.layer_norm.weight" in layers,
        "v1": not any(layers[n].any() for n in layers if n.endswith(".weight_c")),
        **scale(layers),
    }
    if not is_plain:
        found["proj_size"] = rows(layers, f"{first}.linear1.weight", WHAT)
        found["attention_every_n_layers"] = attention_every(layers, depth)
        if heads is None:
            raise wanted("num_heads", "heads share one matrix", "`--heads 1`, as the paper has it")
        found["num_heads"] = heads
    return {key: str(value) for key, value in found.items()}


def scale(layers: Mapping[str, Tensor]) -> dict[str, object]:
    """Return whether the skip is rescaled, m = √(1 + 2 exp b), and the b that follows."""
    name = "rnn_lst.0.scale_x"
    stored = float(layers[name].flatten()[0]) if name in layers and layers[name].numel() else 1.0
    if stored == 1.0:
        return {"rescale": False}
    if not 1 < stored < math.inf:
        raise SynthError(f"`{name} = {stored}` is no rescaling", "the file is damaged: fetch it anew")
    return {"rescale": True, "highway_bias": math.log((stored**2 - 1) / 2)}


def attention_every(layers: Mapping[str, Tensor], depth: int) -> int:
    """Return k, every k-th layer having attention; beyond the last where none has."""
    places = [n for n in range(depth) if f"rnn_lst.{n}.transform_module.alpha" in layers]
    every = places[0] + 1 if places else depth + 1
    if places != [n for n in range(depth) if (n + 1) % every == 0]:
        shown = ", ".join(map(str, places))
        message = f"of {depth} layers number {shown} have attention, which is not every k-th for any k"
        raise SynthError(message, "only models with `attention_every_n_layers` can be imported")
    return every


def language_model(
    options: Mapping[str, str], tensors: Mapping[str, Tensor], layers: Mapping[str, Tensor]
) -> Imported:
    """Translate layers, embedding and output; every tensor has a place or is refused."""
    is_plain = "proj_size" not in options
    stack = (import_sru if is_plain else import_srupp)(options, layers)
    config = config_of(options, tensors, stack.layers[0].config.model_dump())
    entries = [Entry(block_name(name), name) for name in stack.weights]
    renamed = {name: t for name, t in tensors.items() if not name.startswith(RNN)} | stack.weights
    adaptive = config.embeddings.is_adaptive
    entries += adaptive_entries(config, tensors) if adaptive else plain_entries(tensors)
    whole = translate(config, entries, renamed, SPARE)
    names = {
        ours: RNN + stack.original_names[theirs] if theirs in stack.original_names else theirs
        for ours, theirs in whole.original_names.items()
    }
    unused = (*whole.unused, *(RNN + name for name in stack.unused))
    return Imported(config, whole.weights, names, tuple(sorted(unused)))


def block_name(name: str) -> str:
    """Return where a tensor of a layer stands in a language model of ours."""
    number, _, leaf = name.partition(".")
    return f"decoder.blocks.{number}.mixer.{leaf}"


def config_of(
    options: Mapping[str, str], tensors: Mapping[str, Tensor], mixer: Mapping[str, object]
) -> ModelConfig:
    clusters = cluster_rows(tensors)
    embeddings: dict[str, object] = {"positions": "none", "scale": options.get("scale_emb") == "True"}
    if clusters:
        embeddings |= adaptive_embeddings(options, tensors, clusters)
        vocabulary = sum(clusters)
    else:
        vocabulary = rows(tensors, EMBEDDING, WHAT)
        embeddings["tie"] = "output" if is_same(tensors, EMBEDDING, f"{OUTPUT}.weight") else "none"
    return ModelConfig.model_validate(
        {
            "task": "causal-lm",
            "vocab_size": vocabulary,
            "d_model": int(options["input_size"]),
            "block": "recurrent",
            "dropout": 0.0,
            "mixer": mixer,
            "embeddings": embeddings,
            "head": {"bias": f"{OUTPUT}.bias" in tensors or bool(clusters)},
            "decoder": {"layers": int(options["num_layers"]), "max_length": int(options["context_length"])},
        }
    )


def cluster_rows(tensors: Mapping[str, Tensor]) -> list[int]:
    """Return the words of each cluster; the first one's matrix also has a row for each other cluster."""
    number = count(tensors, r"output_layer\.out_layers\.(\d+)\.")
    sizes = [rows(tensors, f"{OUTPUT}.out_layers.{i}.weight", WHAT) for i in range(number)]
    return [sizes[0] - (number - 1), *sizes[1:]] if sizes else []


def adaptive_embeddings(
    options: Mapping[str, str], tensors: Mapping[str, Tensor], clusters: list[int]
) -> dict[str, object]:
    widths = [columns(tensors, f"{OUTPUT}.out_layers.{i}.weight", WHAT) for i in range(len(clusters))]
    pairs = [
        (f"embedding_layer.emb_weights.{i}", f"{OUTPUT}.out_layers.{i}.weight") for i in range(len(widths))
    ]
    maps = [(f"embedding_layer.emb_projs.{i}", f"{OUTPUT}.out_projs.{i}") for i in range(len(widths))]
    tied = all(ours not in tensors or is_same(tensors, ours, theirs) for ours, theirs in pairs)
    edges = torch.tensor(clusters).cumsum(0).tolist()[:-1]
    default = "False" if options["layer_norm"] == "True" else "True"
    return {
        "d_embed": widths[0],
        "cutoffs": edges,
        "div_val": max(1, round(widths[0] / widths[1])) if len(widths) > 1 else 1,
        "tie": "output" if tied else "none",
        "tie_projections": tied and all(is_same(tensors, ours, theirs) for ours, theirs in maps),
        "scale": options.get("scale_emb", default) == "True",
    }


def is_same(tensors: Mapping[str, Tensor], one: str, other: str) -> bool:
    """Whether two tensors are equal; one that is absent is the other's shared."""
    if one not in tensors or other not in tensors:
        return True
    return tensors[one].shape == tensors[other].shape and torch.equal(tensors[one], tensors[other])


def plain_entries(tensors: Mapping[str, Tensor]) -> list[Entry]:
    entries = [Entry("embeddings.tokens.weight", EMBEDDING), Entry("head.weight", f"{OUTPUT}.weight")]
    return [*entries, Entry("head.bias", f"{OUTPUT}.bias")] if f"{OUTPUT}.bias" in tensors else entries


def adaptive_entries(config: ModelConfig, tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Return the entries of tables and maps; the rows of clusters come last, in falling order."""
    edges = (0, *config.embeddings.cutoffs, config.vocab_size)
    others, entries = len(edges) - 2, []
    for i in range(others + 1):
        words = edges[i + 1] - edges[i]
        own, shared = f"embedding_layer.emb_weights.{i}", f"{OUTPUT}.out_layers.{i}.weight"
        projection, out = f"embedding_layer.emb_projs.{i}", f"{OUTPUT}.out_projs.{i}"
        entries += [
            Entry(f"embeddings.tokens.tables.{i}.weight", own if own in tensors else shared, upto(words)),
            Entry(f"embeddings.tokens.projections.{i}.weight", projection if projection in tensors else out),
            Entry(f"head.weights.{i}", shared, upto(words)),
            Entry(f"head.projections.{i}", out),
            Entry(f"head.biases.{i}", f"{OUTPUT}.out_layers.{i}.bias", upto(words)),
        ]
    if others:
        entries += [
            Entry("head.cluster_weight", f"{OUTPUT}.out_layers.0.weight", clusters_from(edges[1])),
            Entry("head.cluster_bias", f"{OUTPUT}.out_layers.0.bias", clusters_from(edges[1])),
        ]
    return entries


def upto(words: int) -> Change:
    """Return a change that keeps the rows of words."""
    return lambda tensor: tensor[:words].contiguous()


def clusters_from(words: int) -> Change:
    """Return a change that keeps the rows of clusters, the first cluster first."""
    return lambda tensor: tensor[words:].flip(0).contiguous()
