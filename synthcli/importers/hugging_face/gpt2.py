"""GPT-2 (Radford et al. 2019): a pre-norm decoder with learned positions and a tied output.

Its maps are stored input-major, and query, key and value as one.
"""

from collections.abc import Mapping

from torch import Tensor

from synthcli.importers.hugging_face.options import ACTIVATIONS, Options
from synthcli.importers.refusals import Only
from synthcli.importers.spare import Spare, hides, is_causal_mask
from synthcli.importers.translate import (
    Entry,
    TranslatedModel,
    affine,
    drop_tied_copies,
    input_major,
    take_part,
    translate_tensors,
    transpose,
)
from synthcli.model import ModelConfig

ARCHITECTURES = ("GPT2LMHeadModel", "GPT2Model")

# `reorder_and_upcast_attn` is left out: it changes the precision of the scores, not the function
REFUSALS = (
    Only("scale_attn_weights", (True,), "our scores are divided by √d_head"),
    Only("scale_attn_by_inverse_layer_idx", (False,), "our scores are not divided by the layer's number"),
    Only("add_cross_attention", (False,), "a language model reads no memory"),
    Only("activation_function", tuple(ACTIVATIONS), "the non-linearities ours has too"),
    Only("quantization_config", (), "weights are real numbers"),
)

SPARES = (
    Spare(r"(^|\.)h\.\d+\.attn\.bias$", "the causal mask, kept as a table", is_causal_mask),
    Spare(r"(^|\.)h\.\d+\.attn\.masked_bias$", "what a masked score becomes", hides),
)


def import_gpt2(options: Options, tensors: Mapping[str, Tensor]) -> TranslatedModel:
    """Translate the weights of a language model, or of the decoder alone: its logits are H Eᵀ."""
    options.check(REFUSALS)
    architecture = options.architecture(ARCHITECTURES)
    root = "transformer." if any(name.startswith("transformer.") for name in tensors) else ""
    is_tied = architecture == "GPT2Model" or options.switch("tie_word_embeddings", True)
    embedding = f"{root}wte.weight"
    if is_tied:
        tensors = drop_tied_copies(tensors, {"lm_head.weight": embedding})
    entries = [
        Entry("embeddings.tokens.weight", embedding),
        Entry("embeddings.positions.weight", f"{root}wpe.weight"),
        Entry("head.weight", embedding if is_tied else "lm_head.weight"),
        *affine("decoder.norm", f"{root}ln_f"),
    ]
    for layer in range(options.layers("n_layer", 12, tensors)):
        entries += _gpt2_layer(f"decoder.blocks.{layer}", f"{root}h.{layer}")
    return translate_tensors(_gpt2_config(options, is_tied), entries, tensors, SPARES)


def _gpt2_config(options: Options, is_tied: bool) -> ModelConfig:
    d_model = options.whole("n_embd", 768)
    return ModelConfig.model_validate(
        {
            "task": "causal-lm",
            "vocab_size": options.whole("vocab_size", 50257),
            "d_model": d_model,
            "d_ff": options.whole("n_inner", 4 * d_model),
            "activation": options.activation("activation_function", "gelu_new"),
            "dropout": options.number("resid_pdrop", 0.1),
            "feed_forward_dropout": 0.0,
            "norm_eps": options.number("layer_norm_epsilon", 1e-5),
            "block": "pre-norm",
            "mixer": {"heads": options.whole("n_head", 12), "dropout": options.number("attn_pdrop", 0.1)},
            "embeddings": {
                "positions": "learned",
                "scale": False,
                "tie": "output" if is_tied else "none",
                "dropout": options.number("embd_pdrop", 0.1),
            },
            "decoder": {
                "layers": options.whole("n_layer", 12),
                "max_length": options.whole("n_positions", 1024),
            },
        }
    )


def _gpt2_layer(ours: str, theirs: str) -> list[Entry]:
    fused = f"{theirs}.attn.c_attn"
    entries = affine(f"{ours}.mixer_norm", f"{theirs}.ln_1")
    for index, leaf in enumerate(("scores.0.query", "scores.0.key", "value")):
        entries += [
            Entry(f"{ours}.mixer.{leaf}.weight", f"{fused}.weight", take_part(index, 3, transpose)),
            Entry(f"{ours}.mixer.{leaf}.bias", f"{fused}.bias", take_part(index, 3)),
        ]
    return [
        *entries,
        *input_major(f"{ours}.mixer.output", f"{theirs}.attn.c_proj"),
        *affine(f"{ours}.feed_forward_norm", f"{theirs}.ln_2"),
        *input_major(f"{ours}.feed_forward.expand", f"{theirs}.mlp.c_fc"),
        *input_major(f"{ours}.feed_forward.output", f"{theirs}.mlp.c_proj"),
    ]
