"""Language models of the SRU repository, written out in float64: their state dicts, and their logits."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

Options = Mapping[str, str]
Weights = dict[str, Tensor]
VOCAB, D, Z = 11, 6, 4
DEFAULT: dict[str, str] = {
    "input_size": str(D),
    "hidden_size": str(D),
    "num_layers": "3",
    "layer_norm": "False",
    "rescale": "False",
    "highway_bias": "0",
}
MODELS: dict[str, dict[str, str]] = {
    "sru": {},
    "sru, rescaled, norm before": {"rescale": "True", "highway_bias": "-1.5", "layer_norm": "True"},
    "sru, from narrow vectors": {
        "input_size": "4",
        "rescale": "True",
        "highway_bias": "-1",
        "projection_size": "3",
    },
    "sru, from wide vectors through a map": {"input_size": "9", "proj_input_to_hidden_first": "True"},
    "srupp, every second": {"proj_size": str(Z), "num_heads": "2", "attention_every_n_layers": "2"},
    "srupp, the last two": {
        "proj_size": str(Z),
        "num_heads": "1",
        "attention_last_n_layers": "2",
        "rescale": "True",
        "highway_bias": "-2",
        "layer_norm": "True",
        "input_size": "9",
    },
    "srupp, through a map": {
        "proj_size": str(Z),
        "num_heads": "2",
        "proj_input_to_hidden_first": "True",
        "input_size": "5",
        "rescale": "True",
        "highway_bias": "-0.5",
    },
}


def options_of(name: str) -> dict[str, str]:
    return DEFAULT | MODELS[name]


def has_attention(o: Options, layer: int) -> bool:
    if "attention_last_n_layers" in o:
        return int(o["num_layers"]) - layer <= int(o["attention_last_n_layers"])
    return (layer + 1) % int(o.get("attention_every_n_layers", "1")) == 0


def widths_of(o: Options) -> list[int]:
    """Return the width of what each layer reads."""
    first = D if "proj_input_to_hidden_first" in o else int(o["input_size"])
    return [first] + [D] * (int(o["num_layers"]) - 1)


def shapes_of(o: Options) -> dict[str, tuple[int, ...]]:
    given = int(o["input_size"])
    shapes: dict[str, tuple[int, ...]] = {"embedding_layer.weight": (VOCAB, given)}
    shapes |= {"output_layer.weight": (VOCAB, D), "output_layer.bias": (VOCAB,)}
    if "proj_input_to_hidden_first" in o:
        shapes["rnn.input_to_hidden.weight"] = (D, given)
    for n, width in enumerate(widths_of(o)):
        name, columns = f"rnn.rnn_lst.{n}", (3 if width == D else 4) * D
        shapes |= {f"{name}.weight_c": (2 * D,), f"{name}.bias": (2 * D,), f"{name}.scale_x": (1,)}
        if o["layer_norm"] == "True":
            shapes |= {f"{name}.layer_norm.weight": (width,), f"{name}.layer_norm.bias": (width,)}
        shapes |= {
            f"{name}.transform_module.{leaf}": s for leaf, s in transform(o, n, width, columns).items()
        }
    return shapes


def transform(o: Options, layer: int, width: int, columns: int) -> dict[str, tuple[int, ...]]:
    rank = int(o.get("projection_size", "0"))
    if "proj_size" not in o:
        return (
            {"0.weight": (rank, width), "1.weight": (columns, rank)} if rank else {"weight": (columns, width)}
        )
    shapes: dict[str, tuple[int, ...]] = {"linear1.weight": (Z, width)}
    shapes |= {"layer_norm.weight": (Z,), "layer_norm.bias": (Z,)}
    if not has_attention(o, layer):
        return shapes | {"linear2.weight": (columns, Z)}
    return shapes | {"linear2.weight": (2 * Z, Z), "linear3.weight": (columns, Z), "alpha": (1,)}


def drawn(o: Options) -> Weights:
    generator = torch.Generator().manual_seed(0)
    weights = {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes_of(o).items()}
    is_rescaled = o["rescale"] == "True"
    scale = math.sqrt(1 + 2 * math.exp(float(o["highway_bias"]))) if is_rescaled else 1.0
    return weights | {name: torch.tensor([scale]) for name in weights if name.endswith(".scale_x")}


class LanguageModel:
    """The forward of a state dict, one segment from an empty state."""

    def __init__(self, options: Options, weights: Weights) -> None:
        self.o, self.w = options, {name: tensor.double() for name, tensor in weights.items()}

    def logits(self, tokens: Tensor) -> Tensor:
        x = self.w["embedding_layer.weight"][tokens]
        if "rnn.input_to_hidden.weight" in self.w:
            x = x @ self.w["rnn.input_to_hidden.weight"].T
        for n in range(int(self.o["num_layers"])):
            x = self.layer(f"rnn.rnn_lst.{n}", n, x)
        return x @ self.w["output_layer.weight"].T + self.w["output_layer.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.weight" not in self.w:
            return x
        return layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-5)

    def layer(self, name: str, number: int, x: Tensor) -> Tensor:
        u = self.transformed(f"{name}.transform_module", number, self.norm(f"{name}.layer_norm", x))
        u = u.unflatten(-1, (D, -1))  # (batch, length, D, K)
        skip = (
            u[..., 3]
            if u.shape[-1] == 4
            else x * (self.w[f"{name}.scale_x"] if self.o["rescale"] == "True" else 1)
        )
        (v_f, v_r), (b_f, b_r) = self.w[f"{name}.weight_c"].view(2, D), self.w[f"{name}.bias"].view(2, D)
        c, hs = torch.zeros_like(u[:, 0, :, 0]), []
        for t in range(x.shape[1]):
            f, r = (u[:, t, :, 1] + v_f * c + b_f).sigmoid(), (u[:, t, :, 2] + v_r * c + b_r).sigmoid()
            c = f * c + (1 - f) * u[:, t, :, 0]
            hs.append(r * c + (1 - r) * skip[:, t])
        return torch.stack(hs, 1)

    def transformed(self, name: str, number: int, x: Tensor) -> Tensor:
        if "proj_size" not in self.o:
            for leaf in ("weight", "0.weight", "1.weight"):
                x = x @ self.w[f"{name}.{leaf}"].T if f"{name}.{leaf}" in self.w else x
            return x
        z = x @ self.w[f"{name}.linear1.weight"].T
        if not has_attention(self.o, number):
            return self.norm(f"{name}.layer_norm", z) @ self.w[f"{name}.linear2.weight"].T
        heads, length = int(self.o["num_heads"]), x.shape[1]
        k, v = (z @ self.w[f"{name}.linear2.weight"].T).chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (z, k, v))
        scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(
            torch.ones(length, length).triu(1).bool(), -torch.inf
        )
        attended = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        y = self.norm(f"{name}.layer_norm", attended * self.w[f"{name}.alpha"] + z)
        return y @ self.w[f"{name}.linear3.weight"].T
