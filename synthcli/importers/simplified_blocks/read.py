"""The simplified blocks: a trainer's folder with a `config.json` that says it all, or a state dict alone.

Of a state dict, widths, depth, heads (each has its gains), norms and gains are read off the weights. Three
things no weight shows: whether both halves of a block read one input, whether attention is centred, and which
fixed matrix stands beside a trained one. The name of the repository's own configuration says all three.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from synthcli.errors import SynthError, did_you_mean
from synthcli.importers.base import ImportResult, ImportSource
from synthcli.importers.infer_sizes import count_columns, count_layers, rows, shape
from synthcli.importers.options import accept_options, describe_values, refuse_unseen_option
from synthcli.importers.refusals import describe_options
from synthcli.importers.safe_load import load_tensors
from synthcli.importers.simplified_blocks import import_simplified_blocks
from synthcli.importers.simplified_blocks.weight_map import REFUSALS
from synthcli.importers.translate import drop_tied_copies
from synthcli.safe_read import inside, read_json

WHAT = "the simplified blocks"
CONFIG, SHELL = "config.json", "transformer."

# the repository's configurations: what no weight shows, and skips left out, whose stored gains do not act
MODELS = {
    "default": {"parallel_layers": "False", "centre_attn": "False"},
    "default-parallel": {"parallel_layers": "True", "centre_attn": "False"},
    "op": {"parallel_layers": "False", "centre_attn": "False"},
    "skipless": {
        "parallel_layers": "False",
        "centre_attn": "True",
        "attn_block_skip_gain": "0",
        "val_init_type": "id",
        "proj_init_type": "id",
    },
    "skipless-parallel": {
        "parallel_layers": "True",
        "centre_attn": "True",
        "mlp_block_skip_gain": "0",
        "val_init_type": "id",
        "proj_init_type": "id",
    },
}
ASSUMED = {
    "norm_position": "pre",
    "dot_norm_type": "none",
    "activation_function": "leaky_relu",
    "lrelu_neg_slope": "0",
    "resid_pdrop": "0",
    "attn_pdrop": "0",
    "embd_pdrop": "0",
    "initializer_range": "0.02",
    "query_init_std": "None",
}


def _describe_allowed_values(option: str) -> str:
    """Return which values of an option are imported, where that is known."""
    return describe_options(REFUSALS).get(option, "any number")


OPTIONS = {
    "model": f"the repository's configuration it was trained with: {', '.join(MODELS)}",
    "parallel_layers": "True: attention and feed-forward read the same input",
    "centre_attn": "True: the gains of the identity and of the centring act",
    "layer_norm_epsilon": "of its norms, 1e-5 unless given",
    **describe_options(REFUSALS),
    "fixed": "a file of these matrices, `h.0.attn.v_attn.id` and so on, unless they are the identity",
    "attn_block_skip_gain": "0: no skip around attention; the first layer's own gain unless given",
    "mlp_block_skip_gain": "0: none around the feed-forward, or around a parallel block",
    **{key: f"{value} unless given; {_describe_allowed_values(key)}" for key, value in ASSUMED.items()},
    "val_init_type": "the fixed matrix beside a trained value map: id, orth or normal",
    "proj_init_type": "that beside a trained output map: id, orth or normal",
}
GAINS = (
    "attn_block_resid_gain",
    "attn_block_skip_gain",
    "mlp_block_resid_gain",
    "mlp_block_skip_gain",
)
MATRIX_GAINS = ("attn_mat_resid_gain", "attn_mat_skip_gain", "centre_attn_gain")


def read_simplified_blocks(request: ImportSource) -> ImportResult:
    """Read a checkpoint of the repository."""
    given = accept_options(request, OPTIONS, "simplified-blocks")
    file = load_tensors(request.path)
    folder = request.path if request.path.is_dir() else request.path.parent
    tensors = _strip_shell(file.tensors)
    fixed = load_tensors(folder / given.pop("fixed")).tensors if "fixed" in given else {}
    saved = _read_saved_options(folder)
    said = {**saved, **_expand_model_name(given)}
    found = {key: value for key, value in _infer_options(tensors).items() if key not in said}
    _require_options(said, tensors)
    imported = import_simplified_blocks({**ASSUMED, **found, **said}, tensors, fixed)
    assumed = {key: value for key, value in ASSUMED.items() if key not in said}
    notes = (
        describe_values(f"read in `{folder / CONFIG}`", saved),
        describe_values("read off the weights", found),
        describe_values("assumed, as the repository has it", assumed),
    )
    return ImportResult(imported, tuple(filter(None, notes)), folder, tensors | fixed)


def _strip_shell(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without the prefix and the copy of the tied output that a language model adds."""
    if f"{SHELL}wte.weight" not in tensors:
        return dict(tensors)
    tensors = drop_tied_copies(tensors, {"lm_head.weight": f"{SHELL}wte.weight"})
    return {name.removeprefix(SHELL): tensor for name, tensor in tensors.items()}


def _read_saved_options(folder: Path) -> dict[str, str]:
    """Return what a trainer wrote of the options beside the weights, as words."""
    path = folder / CONFIG
    if not path.is_file():
        return {}
    try:
        table = read_json(inside(path, folder))
    except (OSError, ValueError) as error:
        raise SynthError(
            f"`{path}` cannot be read as JSON", "copy the folder anew, or leave it out"
        ) from error
    if not isinstance(table, dict):
        raise SynthError(f"`{path}` holds no table of options", "copy the folder anew, or leave it out")
    if "parallel_layers" not in table:
        return {}
    return {key: str(table[key]) for key in SAVED if key in table}


def _expand_model_name(given: Mapping[str, str]) -> dict[str, str]:
    """Return the options given, those that a configuration's name stands for among them."""
    options = dict(given)
    name = options.pop("model", None)
    if name is None:
        return options
    if name not in MODELS:
        raise SynthError(f"unknown `model={name}` of `--from simplified-blocks`", did_you_mean(name, MODELS))
    return {**MODELS[name], **options}


def _require_options(said: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Raise where something is left open that no weight shows."""
    models = "`--option model=NAME`, one of " + ", ".join(MODELS)
    for key, why in (
        ("parallel_layers", "both wirings have the same tensors"),
        ("centre_attn", "its gains are stored whether they act or not"),
    ):
        if key not in said:
            raise refuse_unseen_option(key, why, f"{models}; or `--option {key}=True`")
    for key, leaf in (("val_init_type", "v_attn"), ("proj_init_type", "c_proj")):
        if key not in said and any(name.endswith(f".attn.{leaf}.resid_gain") for name in tensors):
            raise refuse_unseen_option(
                key, "the fixed matrix is not in the state dict", f"{models}; or `--option {key}=id`"
            )


# of its options, those that a trainer's `config.json` holds
SAVED = (
    *GAINS,
    *MATRIX_GAINS,
    *(f"{part}_{kind}_gain" for part in ("value", "proj") for kind in ("resid", "skip")),
    "first_layer_value_resid_gain",
    "last_layer_proj_resid_gain",
    *(f"trainable_{part}_gains" for part in ("attn_block", "mlp_block", "attn_mat", "value", "proj")),
    *("parallel_layers", "centre_attn", "val_init_type", "proj_init_type", "tie_valproj_init"),
    *("norm_type", "qk_norm_type", "layer_norm_epsilon", *ASSUMED),
    *("scale_attn_weights", "scale_attn_by_inverse_layer_idx"),
)


def _infer_options(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the original's configuration, as far as the weights show it."""
    layers, width = count_layers(tensors, r"h\.(\d{1,9})\."), count_columns(tensors, "wte.weight", WHAT)
    if not layers:
        raise SynthError("the weights lack `h.0.attn.qk_attn.weight`", f"is it a checkpoint of {WHAT}?")
    heads = shape(tensors, "h.0.attn.attn_mat_resid_gain", WHAT)
    if len(heads) != 4:
        message = f"`h.0.attn.attn_mat_resid_gain` has the shape {heads}, not (1, heads, 1, 1)"
        raise SynthError(message, f"is it a checkpoint of {WHAT}?")
    found: dict[str, object] = {
        "name": "gpt2",
        "n_layer": layers,
        "n_embd": width,
        "n_head": heads[1],
        "context_length": rows(tensors, "wpe.weight", WHAT),
        "norm_type": norm_type(tensors),
        "qk_norm_type": _leaf_norm(tensors, "h.0.attn.q_norm") or "none",
        "val_init_type": "normal",
        "proj_init_type": "normal",
        **{key: _block_gain(tensors, key, layers) for key in GAINS},
        **{key: first(tensors, f"h.0.attn.{key}") for key in MATRIX_GAINS},
        **_projection_gains(tensors, layers),
    }
    return {key: str(value) for key, value in found.items()}


def norm_type(tensors: Mapping[str, Tensor]) -> str:
    """Return the norm of the blocks; without norms the first one keeps a LayerNorm alone."""
    own = _leaf_norm(tensors, "h.0.ln_1")
    return own if own and _leaf_norm(tensors, "h.0.ln_2") else "none"


def _leaf_norm(tensors: Mapping[str, Tensor], name: str) -> str | None:
    if f"{name}.scale" in tensors:
        return "rmsnorm"
    return "layernorm" if f"{name}.weight" in tensors else None


def _block_gain(tensors: Mapping[str, Tensor], key: str, layers: int) -> float:
    """Return the first layer's gain that is not 0: one that acts in any layer acts in all."""
    values = [first(tensors, f"h.{layer}.{key}") for layer in range(layers)]
    return next((value for value in values if value), 0.0)


def first(tensors: Mapping[str, Tensor], name: str) -> float:
    """Return the first number of a gain."""
    shape(tensors, name, WHAT)
    if not tensors[name].numel():
        raise SynthError(f"`{name}` is empty", "the file is damaged: fetch it anew")
    return float(tensors[name].flatten()[0])


def _projection_gains(tensors: Mapping[str, Tensor], layers: int) -> dict[str, float]:
    """Return the gains beside trained maps, which the weights themselves hold; 1 where a map has none."""
    found: dict[str, float] = {}
    for kind, leaf in (("value", "v_attn"), ("proj", "c_proj")):
        stored = [n for n in range(layers) if f"h.{n}.attn.{leaf}.resid_gain" in tensors]
        middle = next((n for n in stored if n != (0 if kind == "value" else layers - 1)), None)
        for role in ("skip", "resid"):
            name = f"h.{stored[0] if middle is None else middle}.attn.{leaf}.{role}_gain" if stored else ""
            found[f"{kind}_{role}_gain"] = first(tensors, name) if name else 1.0
    return found
