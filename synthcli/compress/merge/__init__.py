"""Merging: neighbouring layers become one. Adding a start is a function here and a line in `MERGES`."""

from synthcli.compress.merge.copies import Start, copy_first, copy_last, mean_layer, random
from synthcli.compress.merge.pooled import linear, pool, ridge_first, ridge_last
from synthcli.compress.merge.problem import MergeProblem
from synthcli.compress.merge.span import Span, all_pairs, span_of

MERGES: dict[str, Start] = {
    "pooled": pool,
    "ridge-first": ridge_first,
    "ridge-last": ridge_last,
    "copy-first": copy_first,
    "copy-last": copy_last,
    "mean": mean_layer,
    "linear": linear,
    "random": random,
}

__all__ = ["MERGES", "MergeProblem", "Span", "Start", "all_pairs", "span_of"]
