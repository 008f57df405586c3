"""Every mixer × score × mixture × block × task of the registries, as small configurations."""

from itertools import product

from synthcli.model import TASKS, ModelConfig
from synthcli.model.blocks import BLOCKS
from synthcli.model.config import STACKS
from synthcli.model.mixers.mixing import MIXINGS
from synthcli.model.scores import SCORES

VOCAB, CLASSES, D_MODEL, HEADS, MAX_SOURCE, MAX_TARGET = 31, 4, 16, 2, 12, 10

# every score alone, one that takes the model's width, a fixed table, and the mixtures the paper names
SCORE_LISTS: dict[str, tuple[list[dict[str, object]], str]] = {
    **{kind: ([{"kind": kind}], "softmax") for kind in SCORES},
    "dense of the whole width": (
        [{"kind": "dense", "input": "model", "hidden": 5, "activation": "gelu"}],
        "softmax",
    ),
    "random, fixed": ([{"kind": "random", "trainable": False, "init_std": 1.0}], "softmax"),
    **{
        f"{a} + {b}, {mix}": ([{"kind": a}, {"kind": b}], mix)
        for mix in MIXINGS
        for a, b in (("random", "dot-product"), ("dense", "dot-product"), ("random", "dense"))
    },
    "random + factorized-random, softmax": ([{"kind": "random"}, {"kind": "factorized-random"}], "softmax"),
    "three, softmax": ([{"kind": "random"}, {"kind": "dense"}, {"kind": "dot-product"}], "softmax"),
}

COMBINATIONS = list(product(TASKS, BLOCKS, SCORE_LISTS))


def tiny(task: str, block: str, scores: str, layers: int = 2) -> ModelConfig:
    """Return a model of `layers` layers a stack, every attention of it (cross too) of the same scores."""
    kinds, mix = SCORE_LISTS[scores]
    mixer = {"heads": HEADS, "scores": kinds, "mix": mix}
    lengths = {"encoder": MAX_SOURCE, "decoder": MAX_TARGET}
    return ModelConfig.model_validate(
        {
            "task": task,
            "vocab_size": VOCAB,
            "num_classes": CLASSES if task == "classification" else None,
            "d_model": D_MODEL,
            "d_ff": 24,
            "block": block,
            "mixer": mixer,
            "cross": mixer if task == "seq2seq" else None,
            **{stack: {"layers": layers, "max_length": lengths[stack]} for stack in STACKS[task]},
        }
    )
