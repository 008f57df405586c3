"""What options of compression may be; nothing is loaded, registries hold what they stand for."""

from typing import Literal, get_args

Method = Literal["distill-block", "merge-layers", "heal", "probe", "pipeline"]
Criterion = Literal[
    "mse",
    "l1",
    "mse-scores",
    "ce-scores",
    "relation",
    "cosine",
    "ce-logits",
    "kl-output",
]
Conditioned = Literal["teacher", "student", "corrected"]
Formula = Literal[
    "whitened-svd",
    "greedy-heads",
    "mean-map",
    "moving-averages",
    "ridge",
    "linear-map",
    "mean",
    "random",
    "best",
]
MergeStart = Literal[
    "pooled",
    "ridge-first",
    "ridge-last",
    "copy-first",
    "copy-last",
    "mean",
    "linear",
    "random",
    "best",
]
CRITERIA: tuple[str, ...] = get_args(Criterion)
CONDITIONED: tuple[str, ...] = get_args(Conditioned)
FORMULAS: tuple[str, ...] = get_args(Formula)
MERGE_STARTS: tuple[str, ...] = get_args(MergeStart)
