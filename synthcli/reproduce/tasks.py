"""The tasks of a reproduction: which presets are trained, and by what they are held against each other."""

from dataclasses import dataclass

ANY = ("smoke", "hour", "day", "paper")
TEACHER = "bert-base-wikitext-2"  # whose block is distilled


@dataclass(frozen=True)
class Task:
    """One block of the table: presets by variant, the first being timed against, and their figure.

    `scales` are those it belongs to: at smoke, translation is the exact-answer tasks of its stand-ins.
    """

    name: str
    presets: dict[str, str]
    metric: str
    scales: tuple[str, ...] = ANY
    corpus: str | None = None  # in place of the preset's
    overrides: tuple[str, ...] = ()  # of the presets' keys


def synthesizers(family: str) -> dict[str, str]:
    """Return the presets of a family's variants."""
    return {variant: f"{family}-{variant}" for variant in ("vanilla", "dense", "random")}


TASKS = (
    Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), corpus="copy"),
    Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), corpus="reverse"),
    Task("translation", synthesizers("wmt14"), "bleu", ("hour", "day", "paper")),
    Task("language modelling", synthesizers("lm1b"), "perplexity"),
    Task("summarisation", synthesizers("cnn-dailymail"), "rouge"),
    Task("classification", synthesizers("agnews"), "accuracy"),
    Task("code", {block: f"codeparrot-{block}" for block in ("pre-norm", "skipless-parallel")}, "perplexity"),
    Task("bytes", {"srupp": "srupp-enwik8-base"}, "perplexity"),
    # of twelve layers that learn for a moment each does what the others do, and none is missed: of two one is
    Task("masked tokens", {"bert": TEACHER}, "perplexity", ("smoke",), overrides=("model.encoder.layers=2",)),
    Task("masked tokens", {"bert": TEACHER}, "perplexity", ("hour", "day", "paper")),
)
