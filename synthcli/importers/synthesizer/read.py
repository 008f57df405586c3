"""The Synthesizer repository: `pytorch_model.bin`, a bare state dict, beside files of a tokenizer.

Its configuration was never saved. Task, widths, depths, lengths and the kind of every score are read off
names and shapes; heads off the tables of random and dense scores and off gates, which plain attention lacks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.base import Arrival, Request
from synthcli.importers.infer_sizes import (
    columns,
    count,
    known_options,
    one_heads,
    rows,
    wanted,
    whole_part,
)
from synthcli.importers.safe_load import read_foreign
from synthcli.importers.synthesizer import import_synthesizer

WHAT = "the Synthesizer repository"
OPTIONS = {
    "dropout": "its dropout, 0.1 unless given; it matters to training alone",
    "layer_norm_eps": "of its norms, 1e-5 unless given",
    "synth_fixed_random": "True: tables of random scores were not trained",
    "gate_init": "the weight of the synthetic scores where gates started, 0.5 unless given; it matters to "
    "training alone",
}
STRUCTURES = {
    "layers of several kinds": "layers of the {side} differ in `{option}`: {kinds}",
}
# names that the original's configuration has, and whose values every file shows
SHOWN = (
    "kind",
    "n_heads",
    "d_model",
    "d_ff",
    "vocab_size",
    "n_layers_enc",
    "n_layers_dec",
    "max_src_len",
    "max_tgt_len",
    "attn_mode_self_enc",
    "attn_mode_self_dec",
    "attn_mode_cross",
    "synth_hidden",
    "tie_tgt_embeddings",
)
ASSUMED = {"dropout": "0.1", "layer_norm_eps": "1e-05", "synth_fixed_random": "False", "gate_init": "0.5"}


def read_synthesizer(request: Request) -> Arrival:
    """Read a checkpoint of the repository."""
    given = known_options(request, OPTIONS, "synthesizer")
    file = read_foreign(request.path)
    found = inferred(file.tensors, one_heads(request))
    imported = import_synthesizer({**ASSUMED, **found, **given}, file.tensors)
    assumed = {key: value for key, value in ASSUMED.items() if key not in given}
    notes = (noted("read off the weights", found), noted("assumed, as the repository has it", assumed))
    folder = request.path if request.path.is_dir() else request.path.parent
    return Arrival(imported, tuple(filter(None, notes)), folder, file.tensors)


def noted(how: str, values: Mapping[str, str]) -> str:
    """Return a line that names options and their values."""
    return f"{how}: " + ", ".join(f"`{key} = {value}`" for key, value in values.items()) if values else ""


def inferred(tensors: Mapping[str, Tensor], heads: int | None) -> dict[str, str]:
    """Return the original's configuration, as far as the weights show it."""
    kind = kind_of(tensors)
    embedding = "tgt_tok" if kind == "seq2seq" else "tok"
    found = {
        "kind": kind,
        "vocab_size": rows(tensors, f"{embedding}.weight", WHAT),
        "d_model": columns(tensors, f"{embedding}.weight", WHAT),
        "d_ff": rows(tensors, f"{side_of(kind)}.layers.0.ff.net.0.weight", WHAT),
        **{f"n_layers_{s}": count(tensors, rf"{side}\.layers\.(\d{{1,9}})\.") for s, side in SIDES.items()},
        "tie_tgt_embeddings": kind == "classifier" or is_tied(tensors, f"{embedding}.weight"),
        **lengths(tensors, kind),
        **modes(tensors, kind),
    }
    found["n_heads"] = heads_of(tensors, found, heads)
    hidden = [tensor for name, tensor in tensors.items() if name.endswith(".synth.0.weight")]
    found["synth_hidden"] = len(hidden[0]) if hidden else 0
    return {key: str(found[key]) for key in SHOWN}


SIDES = {"enc": "encoder", "dec": "decoder"}


def kind_of(tensors: Mapping[str, Tensor]) -> str:
    if "classifier.weight" in tensors:
        return "classifier"
    return "seq2seq" if "src_tok.weight" in tensors else "lm"


def side_of(kind: str) -> str:
    return "encoder" if kind == "classifier" else "decoder"


def is_tied(tensors: Mapping[str, Tensor], embedding: str) -> bool:
    head = tensors.get("lm_head.weight")
    return head is None or (head.shape == tensors[embedding].shape and torch.equal(head, tensors[embedding]))


def lengths(tensors: Mapping[str, Tensor], kind: str) -> dict[str, int]:
    """Return the rows of the tables of positions; a side that is not there has one."""
    names = {"seq2seq": ("src_pos", "tgt_pos"), "lm": (None, "pos"), "classifier": ("pos", None)}[kind]
    keys = ("max_src_len", "max_tgt_len")
    return {
        key: rows(tensors, f"{name}.weight.weight", WHAT) if name else 1
        for key, name in zip(keys, names, strict=True)
    }


def modes(tensors: Mapping[str, Tensor], kind: str) -> dict[str, str]:
    """Return what fills the scores of each attention, the same in every layer."""
    found = {}
    for key, side, module in (
        ("attn_mode_self_enc", "encoder", "self_attn"),
        ("attn_mode_self_dec", "decoder", "self_attn"),
        ("attn_mode_cross", "decoder", "cross_attn"),
    ):
        layers = count(tensors, rf"{side}\.layers\.(\d{{1,9}})\.")
        kinds = {mode_of(tensors, f"{side}.layers.{layer}.{module}.") for layer in range(layers)}
        if len(kinds) > 1:
            shown = ", ".join(f"`{one}`" for one in sorted(kinds))
            message = STRUCTURES["layers of several kinds"].format(side=side, option=key, kinds=shown)
            raise SynthError(message, "its models had one for all")
        found[key] = kinds.pop() if kinds and (kind == "seq2seq" or module == "self_attn") else "vanilla"
    return found


def mode_of(tensors: Mapping[str, Tensor], prefix: str) -> str:
    dense = f"{prefix}synth.0.weight" in tensors or f"{prefix}synth.weight" in tensors
    random = f"{prefix}rand_logits" in tensors
    kind = "dense" if dense else "random" if random else None
    if kind is None:
        return "vanilla"
    return f"hybrid_{kind}" if f"{prefix}gate" in tensors else f"synth_{kind}"


def heads_of(tensors: Mapping[str, Tensor], found: Mapping[str, object], given: int | None) -> int:
    """Return the heads that tables show; only plain attention leaves them open."""
    shown = shown_heads(tensors, found)
    if shown is None and given is None:
        raise wanted("n_heads", "heads share one matrix", "`--heads 8`")
    if shown is not None and given not in (None, shown):
        raise SynthError(f"`--heads {given}`, and the weights show {shown}", "leave `--heads` out")
    return shown or given or 0


def shown_heads(tensors: Mapping[str, Tensor], found: Mapping[str, object]) -> int | None:
    for name, tensor in tensors.items():
        if name.endswith((".rand_logits", ".gate")) and tensor.ndim:
            return len(tensor)
        if name.endswith((".synth.2.weight", ".synth.weight")) and tensor.ndim:
            reads_source = name.startswith("encoder.") or ".cross_attn." in name
            keys = found["max_src_len" if reads_source else "max_tgt_len"]
            return whole_part(len(tensor), int(str(keys)), f"`{name}`")
    return None
