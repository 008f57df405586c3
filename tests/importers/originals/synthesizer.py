"""The original Synthesizer, written out in float64: names and shapes of a state dict, and its logits."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

Options = Mapping[str, str]
Weights = dict[str, Tensor]
D, HEADS, D_FF, VOCAB, SOURCE, TARGET, LAYERS, CLASSES, EPS = 8, 2, 10, 13, 7, 6, 2, 3, 1e-5
DEFAULT: dict[str, str] = {
    "n_heads": str(HEADS),
    "d_model": str(D),
    "d_ff": str(D_FF),
    "vocab_size": str(VOCAB),
    "dropout": "0.1",
    "n_layers_enc": str(LAYERS),
    "n_layers_dec": str(LAYERS),
    "max_src_len": str(SOURCE),
    "max_tgt_len": str(TARGET),
    "attn_mode_self_enc": "vanilla",
    "attn_mode_self_dec": "vanilla",
    "attn_mode_cross": "vanilla",
    "synth_hidden": "5",
    "synth_fixed_random": "False",
    "gate_init": "0.5",
    "tie_tgt_embeddings": "True",
    "layer_norm_eps": "1e-05",
}
MODELS: dict[str, dict[str, str]] = {
    "lm, dense": {"kind": "lm", "attn_mode_self_dec": "synth_dense"},
    "lm, one map": {
        "kind": "lm",
        "attn_mode_self_dec": "hybrid_dense",
        "synth_hidden": "0",
        "gate_init": "0.9",
    },
    "lm, untied": {"kind": "lm", "tie_tgt_embeddings": "False"},
    "seq2seq, random": {
        "kind": "seq2seq",
        "attn_mode_self_enc": "synth_random",
        "attn_mode_self_dec": "hybrid_random",
        "attn_mode_cross": "synth_random",
        "gate_init": "0.2",
    },
    "seq2seq, one map": {
        "kind": "seq2seq",
        "attn_mode_self_enc": "synth_dense",
        "attn_mode_cross": "synth_dense",
        "synth_hidden": "0",
    },
    "classifier, dense": {"kind": "classifier", "attn_mode_self_enc": "synth_dense"},
}


def options_of(name: str) -> dict[str, str]:
    return DEFAULT | MODELS[name]


def attention_shapes(
    name: str, mode: str, queries: int, keys: int, hidden: int
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for part in "qkvo":
        shapes |= {f"{name}.W_{part}.weight": (D, D), f"{name}.W_{part}.bias": (D,)}
    if "dense" in mode:
        last = f"{name}.synth.2" if hidden else f"{name}.synth"
        if hidden:
            shapes |= {f"{name}.synth.0.weight": (hidden, D), f"{name}.synth.0.bias": (hidden,)}
        shapes |= {f"{last}.weight": (HEADS * keys, hidden or D), f"{last}.bias": (HEADS * keys,)}
    if "random" in mode:
        shapes[f"{name}.rand_logits"] = (HEADS, queries, keys)
    if "hybrid" in mode:
        shapes[f"{name}.gate"] = (HEADS,)
    return shapes


def shapes_of(o: Options) -> dict[str, tuple[int, ...]]:
    hidden, kind = int(o["synth_hidden"]), o["kind"]
    shapes: dict[str, tuple[int, ...]] = {}

    def affine(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}

    def norm(name: str) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": (D,), f"{name}.bias": (D,)}

    for side, length in (("encoder", SOURCE), ("decoder", TARGET)):
        if (side == "encoder" and kind == "lm") or (side == "decoder" and kind == "classifier"):
            continue
        mode = o["attn_mode_self_enc" if side == "encoder" else "attn_mode_self_dec"]
        for n in range(LAYERS):
            name = f"{side}.layers.{n}"
            shapes |= norm(f"{name}.ln1") | norm(f"{name}.ln2")
            shapes |= attention_shapes(f"{name}.self_attn", mode, length, length, hidden)
            if side == "decoder":
                shapes |= norm(f"{name}.ln3")
                shapes |= attention_shapes(f"{name}.cross_attn", o["attn_mode_cross"], TARGET, SOURCE, hidden)
            shapes |= affine(f"{name}.ff.net.0", D_FF, D) | affine(f"{name}.ff.net.3", D, D_FF)
    if kind == "seq2seq":
        shapes |= {"src_tok.weight": (VOCAB, D), "tgt_tok.weight": (VOCAB, D)}
        shapes |= {"src_pos.weight.weight": (SOURCE, D), "tgt_pos.weight.weight": (TARGET, D)}
        shapes |= norm("ln_f_enc") | norm("ln_f_dec")
    else:
        shapes |= {
            "tok.weight": (VOCAB, D),
            "pos.weight.weight": (SOURCE if kind == "classifier" else TARGET, D),
        }
        shapes |= norm("ln_f")
    return shapes | (
        affine("classifier", CLASSES, D) if kind == "classifier" else {"lm_head.weight": (VOCAB, D)}
    )


def drawn(o: Options) -> Weights:
    generator = torch.Generator().manual_seed(0)
    weights = {name: 0.4 * torch.randn(shape, generator=generator) for name, shape in shapes_of(o).items()}
    if o["kind"] != "classifier" and o["tie_tgt_embeddings"] == "True":
        table = "tgt_tok.weight" if o["kind"] == "seq2seq" else "tok.weight"
        weights["lm_head.weight"] = weights[table].clone()
    return weights


class Synthesizer:
    """The forward of a state dict; no position is padding."""

    def __init__(self, options: Options, weights: Weights) -> None:
        self.o, self.w = options, {name: tensor.double() for name, tensor in weights.items()}

    def affine(self, name: str, x: Tensor) -> Tensor:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        return layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"], EPS)

    def embed(self, tokens: str, positions: str, ids: Tensor) -> Tensor:
        return self.w[f"{tokens}.weight"][ids] + self.w[f"{positions}.weight.weight"][: ids.shape[1]]

    def attention(self, name: str, mode: str, x: Tensor, source: Tensor, is_causal: bool) -> Tensor:
        split = lambda y: y.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # noqa: E731 - three uses below
        q, k, v = (
            split(self.affine(f"{name}.W_{part}", y)) for part, y in (("q", x), ("k", source), ("v", source))
        )
        dot, keys, other = q @ k.mT * q.shape[-1] ** -0.5, source.shape[1], None
        if "dense" in mode:
            if f"{name}.synth.weight" in self.w:
                rows = self.affine(f"{name}.synth", x)
            else:
                rows = self.affine(f"{name}.synth.2", gelu(self.affine(f"{name}.synth.0", x)))
            other = rows.unflatten(-1, (HEADS, -1)).transpose(1, 2)[..., :keys]
        elif "random" in mode:
            other = self.w[f"{name}.rand_logits"][:, : x.shape[1], :keys].expand_as(dot)
        scores = dot if other is None else other
        if "hybrid" in mode:
            gate = self.w[f"{name}.gate"].sigmoid()[:, None, None]
            scores = (1 - gate) * dot + gate * scores
        if is_causal:
            scores = scores.masked_fill(torch.ones(keys, keys, dtype=torch.bool).triu(1), -torch.inf)
        return self.affine(f"{name}.W_o", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def stack(self, side: str, x: Tensor, memory: Tensor | None = None) -> Tensor:
        mode, is_decoder = (
            self.o["attn_mode_self_enc" if side == "encoder" else "attn_mode_self_dec"],
            side != "encoder",
        )
        for n in range(LAYERS):
            name = f"{side}.layers.{n}"
            x = x + self.attention(f"{name}.self_attn", mode, self.norm(f"{name}.ln1", x), x, is_decoder)
            if memory is not None:
                h = self.norm(f"{name}.ln2", x)
                x = x + self.attention(f"{name}.cross_attn", self.o["attn_mode_cross"], h, memory, False)
            h = self.norm(f"{name}.ln3" if is_decoder else f"{name}.ln2", x)
            x = x + self.affine(f"{name}.ff.net.3", gelu(self.affine(f"{name}.ff.net.0", h)))
        return x

    def logits(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits of the target, or of the source's class; a language model reads the target alone."""
        if self.o["kind"] == "classifier":
            h = self.norm("ln_f", self.stack("encoder", self.embed("tok", "pos", source)))
            return self.affine("classifier", h.mean(1))
        if self.o["kind"] == "lm":
            h = self.norm("ln_f", self.stack("decoder", self.embed("tok", "pos", target)))
            return h @ self.w["lm_head.weight"].T
        memory = self.norm("ln_f_enc", self.stack("encoder", self.embed("src_tok", "src_pos", source)))
        h = self.stack("decoder", self.embed("tgt_tok", "tgt_pos", target), memory)
        return self.norm("ln_f_dec", h) @ self.w["lm_head.weight"].T
