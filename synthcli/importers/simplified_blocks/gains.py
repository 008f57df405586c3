"""The gains of the original simplified blocks: which of them act, and what they become.

The original stores every gain, acting or not. The gain of a skip acts where its option is not 0; those of
identity and centre of the attention matrix act only with `centre_attn`, that of A always. A parallel block
has one skip, and its gain is the feed-forward one.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from synthcli.importers.options import OriginalOptions
from synthcli.importers.translate import Entry

SEQUENTIAL = {
    "mixer_skip": "attn_block_skip_gain",
    "mixer_residual": "attn_block_resid_gain",
    "feed_forward_skip": "mlp_block_skip_gain",
    "feed_forward_residual": "mlp_block_resid_gain",
}
PARALLEL = {
    "skip": "mlp_block_skip_gain",
    "mixer_residual": "attn_block_resid_gain",
    "feed_forward_residual": "mlp_block_resid_gain",
}
SHAPING = {"identity": "attn_mat_skip_gain", "attention": "attn_mat_resid_gain", "centre": "centre_attn_gain"}


def all_gains() -> set[str]:
    """Return the gains that every block of the original stores, whatever its wiring."""
    return {*SEQUENTIAL.values(), *PARALLEL.values()}


def find_acting_gains(options: OriginalOptions) -> dict[str, str]:
    """Return the gains of a block that act: our name → the original's."""
    names = PARALLEL if options.switch("parallel_layers") else SEQUENTIAL
    return {
        ours: theirs for ours, theirs in names.items() if "resid" in theirs or options.number(theirs) != 0
    }


def infer_block(options: OriginalOptions, tensors: Mapping[str, Tensor], layers: int) -> dict[str, object]:
    """Return our block: trainable where a gain is, or where a layer's gain is not what the option says."""
    names = find_acting_gains(options)
    values = {ours: options.number(theirs) for ours, theirs in names.items()}
    absent = dict.fromkeys(_gain_names(options).keys() - names.keys())
    stored = [f"h.{layer}.{theirs}" for layer in range(layers) for theirs in names.values()]
    is_trained = options.switch("trainable_attn_block_gains") or options.switch("trainable_mlp_block_gains")
    is_changed = any(_differs(tensors, name, options.number(name.split(".")[-1])) for name in stored)
    kind, skip = ("parallel", "skip") if options.switch("parallel_layers") else ("pre-norm", "mixer_skip")
    kind = kind if skip in names else {"parallel": "skipless-parallel", "pre-norm": "skipless"}[kind]
    return {"kind": kind, "trainable_gains": is_trained or is_changed, **values, **absent}


def block_entries(options: OriginalOptions, ours: str, theirs: str) -> list[Entry]:
    """Return the trainable gains of one block, ours without an axis."""
    names = find_acting_gains(options).items()
    return [Entry(f"{ours}.gains.{name}", f"{theirs}.{gain}", scalar) for name, gain in names]


def infer_shaping(options: OriginalOptions, tensors: Mapping[str, Tensor], layers: int) -> dict[str, object]:
    """Return our shaping: constants 0, 1, 0 where the original's attention is plain.

    Where it is not centred only the gain of A acts, and learns.
    """
    is_centred = options.switch("centre_attn")
    gains = [f"h.{layer}.attn.{SHAPING['attention']}" for layer in range(layers)]
    if not is_centred and not any(_differs(tensors, name, 1.0) for name in gains):
        return {"identity": 0.0, "attention": 1.0, "centre": 0.0, "trainable": False}
    values: dict[str, object] = {ours: options.number(theirs) for ours, theirs in SHAPING.items()}
    if is_centred:
        return values
    return {"identity": 0.0, "attention": values["attention"], "centre": 0.0, "trainable": ("attention",)}


def make_shaping_entries(learnt: Iterable[str], ours: str, theirs: str) -> list[Entry]:
    """Return the gains of one attention that are parameters of ours, by head."""
    return [Entry(f"{ours}.{name}", f"{theirs}.{SHAPING[name]}", torch.flatten) for name in learnt]


def _gain_names(options: OriginalOptions) -> dict[str, str]:
    return PARALLEL if options.switch("parallel_layers") else SEQUENTIAL


def _differs(tensors: Mapping[str, Tensor], name: str, value: float) -> bool:
    return name in tensors and bool((tensors[name] != value).any())


def scalar(gain: Tensor) -> Tensor:
    """Return a gain without its axis."""
    return gain.reshape(())
