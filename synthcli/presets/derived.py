"""Values a preset leaves out because another one fixes them."""

from typing import Any

from pydantic import ValidationError

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.errors import SynthError
from synthcli.presets.merge import Tree, merge, trace, values_of


def derive(tree: Tree) -> Tree:
    """Return the table with `model.vocab_size` and `model.num_classes` filled in where they are absent."""
    table = values_of(tree)
    model, data = tables(table, "model", "data")
    size = {"vocab_size": vocabulary(data.get("tokenizer"))}
    below = trace({"model": size}, "derived from data.tokenizer.vocab_size")
    classes = num_classes(data.get("corpus"))
    if classes and model.get("task") == "classification":
        below = merge(below, trace({"model": {"num_classes": classes}}, "derived from data.corpus"))
    return merge(below, tree)


def tables(table: dict[str, Any], *keys: str) -> list[dict[str, Any]]:
    """Return tables by key; whatever is no table counts as an empty one."""
    return [table[key] if isinstance(table.get(key), dict) else {} for key in keys]


def vocabulary(tokenizer: Any) -> int:
    """Return the size a tokenizer is asked to have."""
    try:
        return TokenizerConfig.model_validate(tokenizer).size
    except ValidationError:
        return 1  # the tokenizer will be refused by name; a missing size is no second mistake


def num_classes(corpus: Any) -> int:
    """Return how many classes a corpus has, 0 where it has none or is unknown."""
    try:
        return find_corpus(corpus).num_classes if isinstance(corpus, str) else 0
    except SynthError:
        return 0
