"""Embedding and output of the SRU repository's language models: one table each, or clusters of words."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from synthcli.importers.infer_sizes import count_columns
from synthcli.importers.srupp.weight_map import INPUT
from synthcli.importers.translate import Change, Entry
from synthcli.model import ModelConfig

WHAT = "a language model of the SRU repository"
EMBEDDING, OUTPUT = "embedding_layer.weight", "output_layer"


def plain_embeddings(
    tensors: Mapping[str, Tensor], width: int, projection: Tensor | None
) -> dict[str, object]:
    """Return what the vectors are; `projection` is the map to the layers' width, if there is one."""
    own = count_columns(tensors, EMBEDDING, WHAT)
    if projection is not None:
        return {"d_embed": own, "projection": "input", "tie": "none"}
    if own != width:
        return {"d_embed": own, "projection": "none", "tie": "none"}
    return {"tie": "output" if _are_equal(tensors, EMBEDDING, f"{OUTPUT}.weight") else "none"}


def adaptive_embeddings(tensors: Mapping[str, Tensor], clusters: list[int]) -> dict[str, object]:
    """Return the clusters, and what of them embedding and output share."""
    widths = [count_columns(tensors, f"{OUTPUT}.out_layers.{i}.weight", WHAT) for i in range(len(clusters))]
    pairs = [
        (f"embedding_layer.emb_weights.{i}", f"{OUTPUT}.out_layers.{i}.weight") for i in range(len(widths))
    ]
    maps = [(f"embedding_layer.emb_projs.{i}", f"{OUTPUT}.out_projs.{i}") for i in range(len(widths))]
    tied = all(ours not in tensors or _are_equal(tensors, ours, theirs) for ours, theirs in pairs)
    edges = torch.tensor(clusters).cumsum(0).tolist()[:-1]
    return {
        "d_embed": widths[0],
        "cutoffs": edges,
        "div_val": max(1, round(widths[0] / widths[1])) if len(widths) > 1 else 1,
        "tie": "output" if tied else "none",
        "tie_projections": tied and all(_are_equal(tensors, ours, theirs) for ours, theirs in maps),
    }


def _are_equal(tensors: Mapping[str, Tensor], one: str, other: str) -> bool:
    """Whether two tensors are equal; one that is absent is the other's shared."""
    if one not in tensors or other not in tensors:
        return True
    return tensors[one].shape == tensors[other].shape and torch.equal(tensors[one], tensors[other])


def model_entries(config: ModelConfig, tensors: Mapping[str, Tensor], layers: Iterable[str]) -> list[Entry]:
    """Return the entries of a whole model; `layers` are the names of its stack's tensors, already ours."""
    stack = "encoder" if config.encoder else "decoder"
    entries = [Entry(_block_name(stack, name), name) for name in layers]
    if config.embeddings.has_adaptive_head:
        return entries + _adaptive_entries(config, tensors)
    if config.embeddings.is_adaptive:
        tokens = "embeddings.tokens"
        entries += [
            Entry(f"{tokens}.tables.0.weight", EMBEDDING),
            Entry(f"{tokens}.projections.0.weight", INPUT),
        ]
    else:
        entries.append(Entry("embeddings.tokens.weight", EMBEDDING))
    if not config.has_head:
        return [*entries, Entry("head.weight", EMBEDDING)]
    head = ("weight", "bias") if config.head.bias else ("weight",)
    return entries + [Entry(f"head.{leaf}", f"{OUTPUT}.{leaf}") for leaf in head]


def _block_name(stack: str, name: str) -> str:
    """Return where a tensor of a layer stands in a model of ours."""
    number, _, leaf = name.partition(".")
    return f"{stack}.blocks.{number}.mixer.{leaf}"


def _adaptive_entries(config: ModelConfig, tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Return the entries of tables and maps; the rows of clusters come last, in falling order."""
    edges = (0, *config.embeddings.cutoffs, config.vocab_size)
    others, entries = len(edges) - 2, []
    for i in range(others + 1):
        words = edges[i + 1] - edges[i]
        own, shared = f"embedding_layer.emb_weights.{i}", f"{OUTPUT}.out_layers.{i}.weight"
        projection, out = f"embedding_layer.emb_projs.{i}", f"{OUTPUT}.out_projs.{i}"
        entries += [
            Entry(
                f"embeddings.tokens.tables.{i}.weight", own if own in tensors else shared, _keep_words(words)
            ),
            Entry(f"embeddings.tokens.projections.{i}.weight", projection if projection in tensors else out),
            Entry(f"head.weights.{i}", shared, _keep_words(words)),
            Entry(f"head.projections.{i}", out),
            Entry(f"head.biases.{i}", f"{OUTPUT}.out_layers.{i}.bias", _keep_words(words)),
        ]
    if others:
        entries += [
            Entry("head.cluster_weight", f"{OUTPUT}.out_layers.0.weight", _keep_clusters(edges[1])),
            Entry("head.cluster_bias", f"{OUTPUT}.out_layers.0.bias", _keep_clusters(edges[1])),
        ]
    return entries


def _keep_words(words: int) -> Change:
    """Return a change that keeps the rows of words."""
    return lambda tensor: tensor[:words].contiguous()


def _keep_clusters(words: int) -> Change:
    """Return a change that keeps the rows of clusters, the first cluster first."""
    return lambda tensor: tensor[words:].flip(0).contiguous()
