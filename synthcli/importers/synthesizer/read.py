"""The Synthesizer repository: `pytorch_model.bin`, a bare state dict, beside files of a tokenizer.

Its configuration was never saved. Task, widths, depths, lengths and the kind of every score are read off
names and shapes; heads off the tables of random and dense scores and off gates, which plain attention lacks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.base import ImportResult, ImportSource
from synthcli.importers.infer_sizes import count_columns, count_layers, divide_exactly, rows
from synthcli.importers.options import accept_options, describe_values, refuse_unseen_option, single_heads
from synthcli.importers.safe_load import load_tensors
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


def read_synthesizer(request: ImportSource) -> ImportResult:
    """Read a checkpoint of the repository."""
    given = accept_options(request, OPTIONS, "synthesizer")
    file = load_tensors(request.path)
    found = _infer_configuration(file.tensors, single_heads(request))
    imported = import_synthesizer({**ASSUMED, **found, **given}, file.tensors)
    assumed = {key: value for key, value in ASSUMED.items() if key not in given}
    notes = (
        describe_values("read off the weights", found),
        describe_values("assumed, as the repository has it", assumed),
    )
    folder = request.path if request.path.is_dir() else request.path.parent
    return ImportResult(imported, tuple(filter(None, notes)), folder, file.tensors)


def _infer_configuration(tensors: Mapping[str, Tensor], heads: int | None) -> dict[str, str]:
    """Return the original's configuration, as far as the weights show it."""
    kind = _infer_kind(tensors)
    embedding = "tgt_tok" if kind == "seq2seq" else "tok"
    found = {
        "kind": kind,
        "vocab_size": rows(tensors, f"{embedding}.weight", WHAT),
        "d_model": count_columns(tensors, f"{embedding}.weight", WHAT),
        "d_ff": rows(tensors, f"{_side_of(kind)}.layers.0.ff.net.0.weight", WHAT),
        **{
            f"n_layers_{s}": count_layers(tensors, rf"{side}\.layers\.(\d{{1,9}})\.")
            for s, side in SIDES.items()
        },
        "tie_tgt_embeddings": kind == "classifier" or _is_tied(tensors, f"{embedding}.weight"),
        **_infer_lengths(tensors, kind),
        **_infer_modes(tensors, kind),
    }
    found["n_heads"] = _infer_heads(tensors, found, heads)
    hidden = [tensor for name, tensor in tensors.items() if name.endswith(".synth.0.weight")]
    found["synth_hidden"] = len(hidden[0]) if hidden else 0
    return {key: str(found[key]) for key in SHOWN}


SIDES = {"enc": "encoder", "dec": "decoder"}


def _infer_kind(tensors: Mapping[str, Tensor]) -> str:
    if "classifier.weight" in tensors:
        return "classifier"
    return "seq2seq" if "src_tok.weight" in tensors else "lm"


def _side_of(kind: str) -> str:
    return "encoder" if kind == "classifier" else "decoder"


def _is_tied(tensors: Mapping[str, Tensor], embedding: str) -> bool:
    head = tensors.get("lm_head.weight")
    return head is None or (head.shape == tensors[embedding].shape and torch.equal(head, tensors[embedding]))


def _infer_lengths(tensors: Mapping[str, Tensor], kind: str) -> dict[str, int]:
    """Return the rows of the tables of positions; a side that is not there has one."""
    names = {"seq2seq": ("src_pos", "tgt_pos"), "lm": (None, "pos"), "classifier": ("pos", None)}[kind]
    keys = ("max_src_len", "max_tgt_len")
    return {
        key: rows(tensors, f"{name}.weight.weight", WHAT) if name else 1
        for key, name in zip(keys, names, strict=True)
    }


def _infer_modes(tensors: Mapping[str, Tensor], kind: str) -> dict[str, str]:
    """Return what fills the scores of each attention, the same in every layer."""
    found = {}
    for key, side, module in (
        ("attn_mode_self_enc", "encoder", "self_attn"),
        ("attn_mode_self_dec", "decoder", "self_attn"),
        ("attn_mode_cross", "decoder", "cross_attn"),
    ):
        layers = count_layers(tensors, rf"{side}\.layers\.(\d{{1,9}})\.")
        kinds = {_infer_mode(tensors, f"{side}.layers.{layer}.{module}.") for layer in range(layers)}
        if len(kinds) > 1:
            shown = ", ".join(f"`{one}`" for one in sorted(kinds))
            message = STRUCTURES["layers of several kinds"].format(side=side, option=key, kinds=shown)
            raise SynthError(message, "its models had one for all")
        found[key] = kinds.pop() if kinds and (kind == "seq2seq" or module == "self_attn") else "vanilla"
    return found


def _infer_mode(tensors: Mapping[str, Tensor], prefix: str) -> str:
    dense = f"{prefix}synth.0.weight" in tensors or f"{prefix}synth.weight" in tensors
    random = f"{prefix}rand_logits" in tensors
    kind = "dense" if dense else "random" if random else None
    if kind is None:
        return "vanilla"
    return f"hybrid_{kind}" if f"{prefix}gate" in tensors else f"synth_{kind}"


def _infer_heads(tensors: Mapping[str, Tensor], found: Mapping[str, object], given: int | None) -> int:
    """Return the heads that tables show; only plain attention leaves them open."""
    shown = _heads_in_tables(tensors, found)
    if shown is None and given is None:
        raise refuse_unseen_option("n_heads", "heads share one matrix", "`--heads 8`")
    if shown is not None and given not in (None, shown):
        raise SynthError(f"`--heads {given}`, and the weights show {shown}", "leave `--heads` out")
    return shown or given or 0


def _heads_in_tables(tensors: Mapping[str, Tensor], found: Mapping[str, object]) -> int | None:
    for name, tensor in tensors.items():
        if name.endswith((".rand_logits", ".gate")) and tensor.ndim:
            return len(tensor)
        if name.endswith((".synth.2.weight", ".synth.weight")) and tensor.ndim:
            reads_source = name.startswith("encoder.") or ".cross_attn." in name
            keys = found["max_src_len" if reads_source else "max_tgt_len"]
            return divide_exactly(len(tensor), int(str(keys)), f"`{name}`")
    return None
