"""Merging: neighbouring layers become one. Adding a start is a function here and a line in `MERGES`."""

from synthcli.compress.merging.copies import Start, copy_first, copy_last, mean, random
from synthcli.compress.merging.pooled import linear, pooled, ridge_first, ridge_last
from synthcli.compress.merging.span import Span, all_pairs, span_of
from synthcli.compress.merging.task import Task

MERGES: dict[str, Start] = {
    "pooled": pooled,
    "ridge-first": ridge_first,
    "ridge-last": ridge_last,
    "copy-first": copy_first,
    "copy-last": copy_last,
    "mean": mean,
    "linear": linear,
    "random": random,
}

__all__ = ["MERGES", "Span", "Start", "Task", "all_pairs", "span_of"]
