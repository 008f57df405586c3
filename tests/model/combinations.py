"""Every mixer × score × mixture × block × task of the registries, as small configurations."""

from itertools import product

from synthcli.model import TASKS, ModelConfig
from synthcli.model.blocks import BLOCKS
from synthcli.model.mixers import MIXERS
from synthcli.model.mixers.mixing import MIXINGS
from synthcli.model.scores import SCORES
from synthcli.model_config.parts import STACKS

VOCAB, CLASSES, D_MODEL, HEADS, MAX_SOURCE, MAX_TARGET = 31, 4, 16, 2, 12, 10

Table = dict[str, object]


def attention(*scores: Table, mix: str = "softmax", **more: object) -> Table:
    return {"kind": "attention", "heads": HEADS, "scores": list(scores), "mix": mix, **more}


DOT: Table = {"kind": "dot-product"}

# every score alone, its options, and the mixtures the papers name
MIXTURES: dict[str, Table] = {
    **{kind: attention({"kind": kind}) for kind in SCORES},
    "dense of the whole width": attention(
        {"kind": "dense", "input": "model", "hidden": 5, "activation": "gelu"}
    ),
    "random, fixed": attention({"kind": "random", "trainable": False, "init_std": 1.0}),
    "dot-product, normalised and capped": attention({**DOT, "qk_norm": "rms", "soft_cap": 30.0}),
    **{
        f"{a} + {b}, {mix}": attention({"kind": a}, {"kind": b}, mix=mix)
        for mix in MIXINGS
        for a, b in (("random", "dot-product"), ("dense", "dot-product"), ("random", "dense"))
    },
    "random + factorized-random, softmax": attention({"kind": "random"}, {"kind": "factorized-random"}),
    "three, softmax": attention({"kind": "random"}, {"kind": "dense"}, DOT),
}
OTHERS: dict[str, Table] = {
    "few wide heads": attention(DOT, d_head=5),
    "shaped, full projections": attention(
        DOT, shaping={}, value="full", first_value=None, output="full"
    ),
    "shaped, residual projections": attention(
        {**DOT, "qk_norm": "layer"},
        shaping={"per_head": False},
        value={"kind": "residual", "init": "orthogonal", "residual": 0.2, "bias": True},
        output={"kind": "residual", "init": "normal", "residual": 0.2},
        first_value=None,
        tie_init="last-block",
    ),
    "shaped, constant": attention(
        {"kind": "random"}, shaping={"trainable": False, "centre": 0.5}, value="identity", output="identity"
    ),
    "sru": {"kind": "sru"},
    "sru, all options": {
        "kind": "sru", "projection": 5, "rescale": True, "layer_norm": "before", "highway_bias": -1.0,
    },
    "sru, wide": {"kind": "sru", "hidden": 10, "layer_norm": "after"},
    "sru, first version": {"kind": "sru", "weight_c": False, "skip": False},
    "srupp": {"kind": "srupp", "projection": 8, "heads": 2},
    "srupp, random": {"kind": "srupp", "projection": 8, "heads": 2, "scores": [{"kind": "random"}]},
    "srupp, relative": {"kind": "srupp", "projection": 8, "heads": 2, "scores": [{"kind": "relative"}]},
    "srupp, every second": {"kind": "srupp", "projection": 6, "attention_every": 2, "layer_norm": "before"},
    "dynamic-convolution": {"kind": "dynamic-convolution", "heads": HEADS, "kernel": [3, 5]},
    "dynamic-convolution, even and plain": {
        "kind": "dynamic-convolution", "heads": 4, "kernel": 4, "gated": False,
    },
    "lightweight-convolution": {"kind": "lightweight-convolution", "heads": HEADS, "kernel": [2, 4]},
    "lightweight-convolution, longer than the text": {
        "kind": "lightweight-convolution", "heads": 4, "kernel": 15, "gated": False,
    },
    "transformer-xl": {"kind": "transformer-xl", "heads": HEADS},
    "transformer-xl, biases and narrow heads": {
        "kind": "transformer-xl", "heads": 3, "d_head": 3, "bias": True,
        "scores": [{"kind": "relative", "bias": True, "clamp": 2}],
    },
    "linear": {"kind": "linear"},
    "none": {"kind": "none"},
    "srupp, last": {"kind": "srupp", "projection": 6, "attention_last": 1, "inner_norm": False, "hidden": 9},
}  # fmt: skip
BIDIRECTIONAL: dict[str, Table] = {
    "sru, bidirectional": {"kind": "sru", "bidirectional": True},
    **{
        f"linformer, {sharing}": {"kind": "linformer", "heads": HEADS, "k": 5, "sharing": sharing}
        for sharing in ("none", "heads", "key-value")
    },
    "srupp, bidirectional": {"kind": "srupp", "projection": 6, "bidirectional": True, "hidden": 5},
}
MIXER_TABLES = MIXTURES | OTHERS | BIDIRECTIONAL
assert {str(table["kind"]) for table in MIXER_TABLES.values()} == set(MIXERS)


def is_refused(task: str, block: str, mixer: str) -> bool:
    """Whether the configuration says why these cannot go together."""
    has_decoder = "decoder" in STACKS[task]
    is_recurrent = MIXER_TABLES[mixer]["kind"] in ("sru", "srupp")
    if block == "skipless" and mixer == "none":
        return True
    return (block == "recurrent" and not is_recurrent) or (mixer in BIDIRECTIONAL and has_decoder)


EVERY = list(product(TASKS, BLOCKS, MIXER_TABLES))
COMBINATIONS = [one for one in EVERY if not is_refused(*one)]
REFUSED = [one for one in EVERY if is_refused(*one)]

VARIATIONS: dict[str, Table] = {
    **{f"norm {norm}": {"norm": norm} for norm in ("layer", "rms", "dyt", "none")},
    "trainable gains": {"trainable_gains": True, "mixer_residual": 0.7, "feed_forward_residual": "depth"},
    "a skip from 0": {"trainable_gains": True, "skip": 0.0},
}
EMBEDDINGS: dict[str, Table] = {
    **{
        positions: {"positions": positions}
        for positions in ("learned", "sinusoidal", "scaled-sinusoidal", "rotary", "alibi", "none")
    },
    "untied": {"tie": "none"},
    "BERT's": {"norm": True, "token_types": 2, "scale": False, "max_positions": 20},
    "narrow": {"d_embed": 6, "tie": "output"},
    "adaptive": {"cutoffs": [7, 19], "d_embed": 16, "div_val": 2, "tie": "output"},
    "adaptive, own projections": {
        "cutoffs": [7], "d_embed": 8, "div_val": 4, "tie": "output", "tie_projections": False,
    },
    "adaptive, untied": {"cutoffs": [7, 19], "tie": "none"},
}  # fmt: skip


def tiny(task: str, block: str | Table, mixer: str, layers: int = 2, **more: object) -> ModelConfig:
    """Return a model of `layers` layers a stack; cross-attention has the scores of self-attention."""
    table = {key: value for key, value in MIXER_TABLES[mixer].items() if value is not None}
    lengths = {"encoder": MAX_SOURCE, "decoder": MAX_TARGET}
    cross = {key: table[key] for key in ("heads", "scores", "mix", "d_head") if key in table}
    kind = block if isinstance(block, str) else block["kind"]
    has_cross = task == "seq2seq" and table["kind"] == "attention"
    return ModelConfig.model_validate(
        {
            "task": task,
            "vocab_size": VOCAB,
            "num_classes": CLASSES if task == "classification" else None,
            "d_model": D_MODEL,
            "d_ff": None if kind == "recurrent" else 24,
            "block": block,
            "mixer": table,
            "cross": cross if has_cross else None,
            **{stack: {"layers": layers, "max_length": lengths[stack]} for stack in STACKS[task]},
            **more,
        }
    )


def block_table(block: str, variation: str) -> Table:
    """Return a block with a variation; `skip` is a parallel block's only skip, the mixer's of others."""
    table: Table = {"kind": block, **VARIATIONS[variation]}
    if "skip" in table and "parallel" not in block:
        table["mixer_skip"] = table.pop("skip")
    return table
