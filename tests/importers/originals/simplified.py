"""The original simplified blocks in float64: names and shapes of a state dict, and its logits."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Options = Mapping[str, str]
Weights = dict[str, Tensor]
D, HEADS, LAYERS, VOCAB, CONTEXT, INNER, CAP = 8, 2, 2, 13, 7, 12, 30.0
DEFAULT: dict[str, str] = {
    "name": "gpt2",
    "n_layer": str(LAYERS),
    "n_head": str(HEADS),
    "n_embd": str(D),
    "context_length": str(CONTEXT),
    "mlp_width_mult": "1.5",
    "norm_type": "rmsnorm",
    "norm_position": "pre",
    "qk_norm_type": "none",
    "dot_norm_type": "none",
    "parallel_layers": "False",
    "centre_attn": "False",
    "activation_function": "leaky_relu",
    "lrelu_neg_slope": "0.1",
    "attn_block_skip_gain": "1",
    "attn_block_resid_gain": "1",
    "mlp_block_skip_gain": "1",
    "mlp_block_resid_gain": "1",
    "attn_mat_skip_gain": "0",
    "attn_mat_resid_gain": "1",
    "centre_attn_gain": "1",
    "value_resid_gain": "1",
    "proj_resid_gain": "1",
    "value_skip_gain": "None",
    "proj_skip_gain": "None",
    "first_layer_value_resid_gain": "None",
    "last_layer_proj_resid_gain": "None",
    "val_init_type": "normal",
    "proj_init_type": "normal",
    "resid_pdrop": "0",
    "attn_pdrop": "0",
    "embd_pdrop": "0",
    "initializer_range": "0.02",
    "query_init_std": "None",
}
SKIPLESS = {
    "attn_block_skip_gain": "0",
    "mlp_block_resid_gain": "0.1",
    "attn_mat_skip_gain": "1",
    "centre_attn": "True",
    "value_resid_gain": "0",
    "value_skip_gain": "1",
    "first_layer_value_resid_gain": "1",
    "proj_resid_gain": "0",
    "proj_skip_gain": "1",
    "val_init_type": "id",
    "proj_init_type": "id",
}
MODELS: dict[str, dict[str, str]] = {
    "default": {},
    "post-norm with a cap": {"norm_position": "post", "dot_norm_type": "tanh"},
    "parallel": {"parallel_layers": "True", "norm_type": "ln"},
    "parallel post-norm": {"parallel_layers": "True", "norm_position": "post"},
    "without norms": {"norm_type": "none", "qk_norm_type": "rmsnorm", "norm_position": "post"},
    "skipless": SKIPLESS,
    "skipless, orthogonal": {**SKIPLESS, "value_resid_gain": "0.2", "val_init_type": "orth"},
    "skipless parallel": {
        **SKIPLESS,
        "parallel_layers": "True",
        "mlp_block_skip_gain": "0",
        "dot_norm_type": "tanh",
    },
}
NORMS = {"rmsnorm": ("scale",), "ln": ("weight", "bias"), "none": ()}


def options_of(name: str) -> dict[str, str]:
    return DEFAULT | MODELS[name]


def projection_kind(options: Options, leaf: str, layer: int) -> str:
    """Whether a projection is absent, a map, or a fixed matrix and a trained one."""
    part, edge = ("value", "first_layer_value") if leaf == "v_attn" else ("proj", "last_layer_proj")
    at_edge = layer == (0 if leaf == "v_attn" else int(options["n_layer"]) - 1)
    residual = options[f"{part}_resid_gain"]
    if at_edge and options[f"{edge}_resid_gain"] != "None":
        residual = options[f"{edge}_resid_gain"]
    init = options["val_init_type" if leaf == "v_attn" else "proj_init_type"]
    if options[f"{part}_skip_gain"] == "None":
        return "map"
    is_absent = float(options[f"{part}_skip_gain"]) == 1 and float(residual) == 0 and init == "id"
    return "absent" if is_absent else "residual"


def shapes_of(options: Options) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shapes of the state dict, and of the fixed matrices that it lacks."""
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (VOCAB, D), "wpe.weight": (CONTEXT, D)}
    shapes |= {"ln_f.weight": (D,), "ln_f.bias": (D,)}
    fixed: dict[str, tuple[int, ...]] = {}
    for n in range(int(options["n_layer"])):
        for norm in ("ln_1", "ln_2"):
            kind = options["norm_type"]
            kind = "ln" if kind == "none" and n == 0 and norm == "ln_1" else kind
            shapes |= {f"h.{n}.{norm}.{leaf}": (D,) for leaf in NORMS[kind]}
        shapes |= {f"h.{n}.attn.qk_attn.weight": (D, 2 * D), f"h.{n}.attn.qk_attn.bias": (2 * D,)}
        for part in ("q", "k"):
            shapes |= {
                f"h.{n}.attn.{part}_norm.{leaf}": (D // HEADS,) for leaf in NORMS[options["qk_norm_type"]]
            }
        for leaf in ("v_attn", "c_proj"):
            kind = projection_kind(options, leaf, n)
            if kind == "absent":
                continue
            shapes |= {f"h.{n}.attn.{leaf}.weight": (D, D), f"h.{n}.attn.{leaf}.bias": (D,)}
            if kind == "residual":
                shapes |= {f"h.{n}.attn.{leaf}.{gain}": (1,) for gain in ("resid_gain", "skip_gain")}
                fixed[f"h.{n}.attn.{leaf}.id"] = (D, D)
        for leaf, (rows, columns) in {"c_fc": (D, INNER), "c_proj": (INNER, D)}.items():
            shapes |= {f"h.{n}.mlp.{leaf}.weight": (rows, columns), f"h.{n}.mlp.{leaf}.bias": (columns,)}
        for part in ("attn", "mlp"):
            shapes |= {f"h.{n}.{part}_block_{kind}_gain": (1,) for kind in ("resid", "skip")}
        for gain in ("attn_mat_resid_gain", "attn_mat_skip_gain", "centre_attn_gain"):
            shapes[f"h.{n}.attn.{gain}"] = (1, HEADS, 1, 1)
    return shapes, fixed


def drawn(options: Options) -> tuple[Weights, Weights]:
    """Return a trained model as its repository stores it, and its fixed matrices.

    Biases are 0 and what does not act has its initial value; the rest is random.
    """
    generator = torch.Generator().manual_seed(0)
    shapes, fixed_shapes = shapes_of(options)
    weights = {name: 0.4 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name, tensor in weights.items():
        leaf = name.split(".")[-1]
        if leaf in options and leaf.endswith("_gain"):
            own = float(options[leaf])
            is_off = leaf not in acting(options)
            weights[name] = torch.full_like(tensor, own) if is_off else own + 0.2 * tensor
        elif leaf == "bias" and "ln_" not in name and "qk_attn" not in name:
            weights[name] = torch.zeros_like(tensor)
        elif leaf in ("scale", "resid_gain", "skip_gain") or (leaf == "weight" and "ln_" in name):
            weights[name] = 1 + tensor
    fixed = {}
    for name, (width, _) in fixed_shapes.items():
        init = options["val_init_type" if "v_attn" in name else "proj_init_type"]
        matrix = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
        fixed[name] = torch.eye(width) if init == "id" else matrix
    return weights, fixed


def acting(options: Options) -> set[str]:
    """Return the gains that the original reads."""
    is_parallel = options["parallel_layers"] == "True"
    found = {"attn_block_resid_gain", "mlp_block_resid_gain", "attn_mat_resid_gain"}
    found |= {"mlp_block_skip_gain"} if float(options["mlp_block_skip_gain"]) else set()
    found |= {"attn_block_skip_gain"} if float(options["attn_block_skip_gain"]) and not is_parallel else set()
    return found | ({"attn_mat_skip_gain", "centre_attn_gain"} if options["centre_attn"] == "True" else set())


class Simplified:
    """The forward of a state dict."""

    def __init__(self, options: Options, weights: Weights, fixed: Weights) -> None:
        self.o, self.eps = options, float(options.get("layer_norm_epsilon", "1e-5"))
        self.w = {name: tensor.double() for name, tensor in {**weights, **fixed}.items()}

    def logits(self, tokens: Tensor) -> Tensor:
        x = self.w["wte.weight"][tokens] + self.w["wpe.weight"][: tokens.shape[1]]
        for n in range(int(self.o["n_layer"])):
            x = self.block(f"h.{n}", x)
        x = torch.nn.functional.layer_norm(
            x, x.shape[-1:], self.w["ln_f.weight"], self.w["ln_f.bias"], self.eps
        )
        return x @ self.w["wte.weight"].T

    def norm(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.scale" in self.w:
            size = x.square().sum(-1, keepdim=True).sqrt() * x.shape[-1] ** -0.5
            return self.w[f"{name}.scale"] * x / (size + self.eps)
        if f"{name}.weight" in self.w:
            weight, bias = self.w[f"{name}.weight"], self.w[f"{name}.bias"]
            return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, self.eps)
        return x

    def block(self, name: str, x: Tensor) -> Tensor:
        gain = lambda key: self.w[f"{name}.{key}"]  # noqa: E731 - four uses on the next lines
        is_post = self.o["norm_position"] == "post"
        h = self.norm(f"{name}.ln_1", x)
        skip = h if is_post else x
        attended = self.attention(f"{name}.attn", h)
        has = {part: float(self.o[f"{part}_block_skip_gain"]) != 0 for part in ("attn", "mlp")}
        if self.o["parallel_layers"] == "True":
            y = (
                gain("mlp_block_resid_gain") * self.mlp(f"{name}.mlp", h)
                + gain("attn_block_resid_gain") * attended
            )
            return y + gain("mlp_block_skip_gain") * skip if has["mlp"] else y
        a = gain("attn_block_resid_gain") * attended
        a = a + gain("attn_block_skip_gain") * skip if has["attn"] else a
        h = self.norm(f"{name}.ln_2", a)
        y = gain("mlp_block_resid_gain") * self.mlp(f"{name}.mlp", h)
        return y + gain("mlp_block_skip_gain") * (h if is_post else a) if has["mlp"] else y

    def attention(self, name: str, x: Tensor) -> Tensor:
        qk = x @ self.w[f"{name}.qk_attn.weight"] + self.w[f"{name}.qk_attn.bias"]
        heads = int(self.o["n_head"])
        q, k, v = (
            part.unflatten(-1, (heads, -1)).transpose(1, 2)
            for part in (*qk.chunk(2, dim=-1), self.projection(f"{name}.v_attn", x))
        )
        q, k = self.norm(f"{name}.q_norm", q), self.norm(f"{name}.k_norm", k)
        scores = q @ k.mT / math.sqrt(v.shape[-1])
        if self.o["dot_norm_type"] == "tanh":
            scores = CAP * torch.tanh(scores / CAP)
        length = x.shape[1]
        visible = torch.ones(length, length, dtype=torch.bool).tril()
        m = self.w[f"{name}.attn_mat_resid_gain"] * scores.masked_fill(~visible, -torch.inf).softmax(-1)
        if self.o["centre_attn"] == "True":
            mean = visible.double() / torch.arange(1, length + 1)[:, None]
            m = m + self.w[f"{name}.attn_mat_skip_gain"] * torch.eye(length, dtype=torch.float64)
            m = m - self.w[f"{name}.centre_attn_gain"] * mean
        return self.projection(f"{name}.c_proj", (m @ v).transpose(1, 2).flatten(2))

    def projection(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.weight" not in self.w:
            return x
        weight = self.w[f"{name}.weight"]
        if f"{name}.resid_gain" in self.w:
            fixed = self.w.get(f"{name}.id", torch.eye(len(weight), dtype=torch.float64))
            weight = self.w[f"{name}.resid_gain"] * weight + self.w[f"{name}.skip_gain"] * fixed
        return x @ weight + self.w[f"{name}.bias"]

    def mlp(self, name: str, x: Tensor) -> Tensor:
        h = x @ self.w[f"{name}.c_fc.weight"] + self.w[f"{name}.c_fc.bias"]
        h = torch.where(h >= 0, h, h * float(self.o["lrelu_neg_slope"]))
        return h @ self.w[f"{name}.c_proj.weight"] + self.w[f"{name}.c_proj.bias"]
