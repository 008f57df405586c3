"""What is compared: for each word of `--metric` a metric, a figure of it, and what is too small to matter.

Margins are conventions, stated in every report; `--margin` sets another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synthcli.errors import SynthError, did_you_mean


@dataclass(frozen=True)
class Quantity:
    """What a `word` of `--metric` means: `metric` is evaluated, and its `figure` compared.

    A loss is the logarithm of a perplexity, in nats.

    Some metrics have a figure of another name for some tasks, `otherwise`.
    """

    word: str
    metric: str
    figure: str
    margin: float
    unit: str
    otherwise: str = ""

    @property
    def figure_names(self) -> tuple[str, ...]:
        """The figures whose samples may be kept: a loss is of the same sums as its perplexity."""
        return ("perplexity",) if self.figure == "loss" else (self.figure, self.otherwise)


QUANTITIES: Mapping[str, Quantity] = {
    "bleu": Quantity("bleu", "bleu", "bleu", 0.5, "BLEU"),
    "chrf": Quantity("chrf", "bleu", "chrf", 0.5, "chrF2"),
    "rouge": Quantity("rouge", "rouge", "rougeL", 0.5, "ROUGE-L"),
    "rouge1": Quantity("rouge1", "rouge", "rouge1", 0.5, "ROUGE-1"),
    "rouge2": Quantity("rouge2", "rouge", "rouge2", 0.5, "ROUGE-2"),
    "bleu1": Quantity("bleu1", "bleu", "bleu1", 0.5, "BLEU-1"),
    "cider": Quantity("cider", "cider", "cider", 1.0, "CIDEr-D · 100"),
    "perplexity": Quantity("perplexity", "perplexity", "loss", 0.01, "nats a token"),
    "bits-per-byte": Quantity("bits-per-byte", "perplexity", "bits_per_byte", 0.01, "bits a byte"),
    "accuracy": Quantity("accuracy", "accuracy", "accuracy", 0.5, "% right", "exact_match"),
    "f1": Quantity("f1", "f1", "f1", 0.5, "F1", "f1_macro"),
    "matthews": Quantity("matthews", "matthews", "matthews", 1.0, "Matthews · 100"),
    "pearson": Quantity("pearson", "correlation", "pearson", 1.0, "Pearson · 100"),
    "spearman": Quantity("spearman", "correlation", "spearman", 1.0, "Spearman · 100"),
}
FIRST = {"correlation": "pearson"}  # of a metric of presets, where it is called otherwise here


def find_quantity(word: str) -> Quantity:
    """Return what a word of `--metric`, or the metric of a preset, compares."""
    word = FIRST.get(word, word)
    if word not in QUANTITIES:
        raise SynthError(f"unknown metric `{word}`", did_you_mean(word, QUANTITIES))
    return QUANTITIES[word]
