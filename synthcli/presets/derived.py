"""Values a preset leaves out because another one fixes them."""

from pydantic import ValidationError

from synthcli.compress.config import CONFIGS
from synthcli.compress.distill.students import rate_of
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.errors import SynthError
from synthcli.presets.merge import Sourced, Tree, merge_trees, tables, trace, values_of

OF_PRESETS = ("--scale", "default")  # who says the scale of a preset that is no run's


def derive(tree: Tree) -> Tree:
    """Return the table with the values that follow from others filled in where they are absent."""
    table = values_of(tree)
    model, data = tables(table, "model", "data")
    size = {"vocab_size": vocabulary(data.get("tokenizer"))}
    below = trace({"model": size}, "derived from data.tokenizer.vocab_size")
    classes = num_classes(data.get("corpus"))
    if classes and model.get("task") == "classification":
        below = merge_trees(below, trace({"model": {"num_classes": classes}}, "derived from data.corpus"))
    return derive_compression(merge_trees(below, tree))


def derive_compression(tree: Tree) -> Tree:
    """Return the table with what `[compress]` takes from the training, the data and the mixer it names.

    A run says all of it; its training may be the teacher's.
    """
    table = values_of(tree)
    compress, training, data = tables(table, "compress", "training", "data")
    method = compress.get("method")
    fields = CONFIGS[method].model_fields if isinstance(method, str) and method in CONFIGS else {}
    below: Tree = {}
    if not isinstance(scale := tree.get("scale"), Sourced) or scale.source in OF_PRESETS:
        for key, own, source in (("seed", training, "training.seed"), ("source", data, "data.source")):
            if key in fields and key in own:
                below = merge_trees(below, trace({"compress": {key: own[key]}}, f"derived from {source}"))
    if "mixer" in fields and isinstance(mixer := compress.get("mixer"), str):
        rate = trace({"compress": {"learning_rate": rate_of(mixer)}}, "derived from compress.mixer")
        below = merge_trees(below, rate)
    return merge_trees(below, tree) if below else tree


def vocabulary(tokenizer: object) -> int:
    """Return the size a tokenizer is asked to have."""
    try:
        return TokenizerConfig.model_validate(tokenizer).size
    except ValidationError:
        return 1  # the tokenizer will be refused by name; a missing size is no second mistake


def num_classes(corpus: object) -> int:
    """Return how many classes a corpus has, 0 where it has none or is unknown."""
    try:
        return find_corpus(corpus).num_classes if isinstance(corpus, str) else 0
    except SynthError:
        return 0
