"""Every tensor of a file counts: a change of it changes ours as it changes the original, or is refused.

The original is its formula in float64 (`tests/importers/originals`), the file goes through what `synth
import` reads it with, and through the function of Python that takes the options.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.base import ImportSource
from synthcli.importers.origins import ORIGINS
from synthcli.importers.simplified_blocks import import_simplified_blocks
from synthcli.importers.synthesizer import import_synthesizer
from synthcli.importers.translate import TranslatedModel, build_translated
from tests.importers.originals import simplified, srupp, synthesizer
from tests.importers.originals.simplified import Simplified
from tests.importers.originals.srupp import LanguageModel
from tests.importers.originals.synthesizer import Synthesizer

pytestmark = pytest.mark.slow

Weights = dict[str, Tensor]
TOKENS = torch.tensor([[3, 1, 7, 7, 2, 9], [0, 5, 4, 8, 6, 10]])
SOURCE = torch.tensor([[2, 4, 6, 8, 10, 1, 3], [5, 5, 0, 9, 7, 2, 4]])


@dataclass(frozen=True)
class Case:
    """A file of an origin, how it is read, and the original's logits of any such file."""

    weights: Weights
    read: Callable[[Weights], TranslatedModel]
    original: Callable[[Weights], Tensor]
    ours: Callable[[nn.Module], Tensor]


def from_file(
    origin: str, folder: Path, heads: int | None = None, **options: str
) -> Callable[[Weights], TranslatedModel]:
    """Return what reads weights as the command does."""

    def read(weights: Weights) -> TranslatedModel:
        torch.save(weights, folder / "model.pt")
        given = (heads,) if heads is not None else ()
        return ORIGINS[origin].read(ImportSource(folder / "model.pt", options, given)).imported

    return read


def causal(model: Any) -> Tensor:
    logits: Tensor = model(TOKENS)[0]
    return logits


def simplified_case(name: str, folder: Path, in_python: bool) -> Case:
    options = simplified.options_of(name)
    weights, fixed = simplified.drawn(options)
    needed = (
        "parallel_layers",
        "centre_attn",
        "val_init_type",
        "proj_init_type",
        "norm_position",
        "dot_norm_type",
    )
    own = {key: options[key] for key in (*needed, "lrelu_neg_slope")}
    own |= {
        key: options[key] for key in ("attn_block_skip_gain", "mlp_block_skip_gain") if options[key] == "0"
    }
    torch.save(fixed, folder / "fixed.pt")
    own |= {"fixed": "fixed.pt"} if fixed else {}
    reads = from_file("simplified-blocks", folder, **own)
    return Case(
        weights,
        (lambda w: import_simplified_blocks(options, w, fixed)) if in_python else reads,
        lambda w: Simplified(options, w, fixed).logits(TOKENS),
        causal,
    )


def synthesizer_case(name: str, folder: Path, in_python: bool) -> Case:
    options = synthesizer.options_of(name)

    def ours(model: Any) -> Tensor:
        if options["kind"] == "lm":
            return causal(model)
        logits: Tensor = model(SOURCE) if options["kind"] == "classifier" else model(SOURCE, TOKENS)
        return logits

    given = {"gate_init": options["gate_init"]}
    reads = from_file("synthesizer", folder, synthesizer.HEADS, **given)
    return Case(
        synthesizer.drawn(options),
        (lambda w: import_synthesizer(options, w)) if in_python else reads,
        lambda w: Synthesizer(options, w).logits(SOURCE, TOKENS),
        ours,
    )


def srupp_case(name: str, folder: Path) -> Case:
    options = srupp.options_of(name)
    heads = int(options["num_heads"]) if "num_heads" in options else None
    return Case(
        srupp.drawn(options),
        from_file("srupp", folder, heads),
        # what stands in the file rescales, whatever the options are: 1 does nothing
        lambda w: LanguageModel({**options, "rescale": "True"}, w).logits(TOKENS),
        causal,
    )


@torch.no_grad()
def compared(case: Case, weights: Weights, expected: Tensor) -> None:
    """Import weights and compare with the original's logits of the same."""
    model = build_translated(case.read(weights)).double().eval()
    torch.testing.assert_close(case.ours(model), expected, rtol=1e-6, atol=1e-7)


def verdicts(case: Case, *more: str) -> dict[str, str]:
    """Change each tensor that no tensor of ours is made of, and `more`, one at a time.

    Return what became of it: it acts, it does not, or it is refused by name. All others are drawn at random,
    and compared at once.
    """
    before = case.original(case.weights)
    compared(case, case.weights, before)
    used = {name.removeprefix("transformer.") for name in case.read(case.weights).original_names.values()}
    generator, found = torch.Generator().manual_seed(1), {}
    for name in [name for name in case.weights if name not in used or name in more]:
        tensor = case.weights[name]
        moved = tensor + 0.3 * torch.rand(tensor.shape, generator=generator) + 0.1
        weights = {**case.weights, name: moved}
        expected = case.original(weights)
        try:
            compared(case, weights, expected)
        except SynthError as error:
            assert f"`{name}`" in error.message, error.message
            found[name] = "refused"
        else:
            found[name] = "same" if torch.allclose(before, expected, rtol=1e-9, atol=1e-12) else "acts"
    return found


def named(found: dict[str, str], verdict: str) -> set[str]:
    """Return the names with a verdict, layers left out."""
    return {re.sub(r"\.\d+\.", ".N.", name) for name, one in found.items() if one == verdict}


CROSS = {f"decoder.layers.N.cross_attn.W_{part}.{leaf}" for part in "qkvo" for leaf in ("weight", "bias")}
CROSS_NORM = {f"decoder.layers.N.ln2.{leaf}" for leaf in ("weight", "bias")}
UNCENTRED = {"h.N.attn.attn_mat_skip_gain", "h.N.attn.centre_attn_gain"}
NO_SKIP = {"h.N.attn_block_skip_gain"}
BIASES = {f"h.N.{leaf}.bias" for leaf in ("attn.v_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}


@pytest.mark.parametrize("in_python", [False, True], ids=["command", "python"])
@pytest.mark.parametrize(
    ("name", "same", "acts"),
    [
        ("default", UNCENTRED, BIASES),
        ("post-norm with a cap", UNCENTRED, BIASES),
        ("parallel", UNCENTRED | NO_SKIP | {"h.N.ln_2.weight", "h.N.ln_2.bias"}, BIASES),
        ("parallel post-norm", UNCENTRED | NO_SKIP | {"h.N.ln_2.scale"}, BIASES),
        ("without norms", UNCENTRED, BIASES),
        ("skipless", NO_SKIP, BIASES - {"h.N.attn.c_proj.bias"}),
        ("skipless, orthogonal", NO_SKIP, BIASES - {"h.N.attn.c_proj.bias"}),
        (
            "skipless parallel",
            NO_SKIP | {"h.N.ln_2.scale", "h.N.mlp_block_skip_gain"},
            BIASES - {"h.N.attn.c_proj.bias"},
        ),
    ],
)
def test_simplified_blocks(
    name: str, same: set[str], acts: set[str], in_python: bool, tmp_path: Path
) -> None:
    found = verdicts(simplified_case(name, tmp_path, in_python))
    assert (named(found, "same"), named(found, "acts"), named(found, "refused")) == (same, acts, set())


@pytest.mark.parametrize("in_python", [False, True], ids=["command", "python"])
def test_gains_of_simplified_blocks_that_were_never_trained(in_python: bool, tmp_path: Path) -> None:
    """Constants of our configuration, until one differs."""
    case = simplified_case("default", tmp_path, in_python)
    options = simplified.options_of("default")
    constants = {
        name: torch.full_like(tensor, float(options[name.split(".")[-1]]))
        for name, tensor in case.weights.items()
        if name.endswith("_gain")
    }
    found = verdicts(replace(case, weights=case.weights | constants))
    block = {f"h.N.{part}_block_{kind}_gain" for part in ("attn", "mlp") for kind in ("skip", "resid")}
    assert named(found, "acts") == BIASES | block | {"h.N.attn.attn_mat_resid_gain"}
    assert (named(found, "same"), named(found, "refused")) == (UNCENTRED, set())


def test_a_fixed_identity_that_is_none_is_refused(tmp_path: Path) -> None:
    options = simplified.options_of("skipless")
    weights, fixed = simplified.drawn(options)
    fixed["h.0.attn.v_attn.id"][0, 1] = 0.5
    with pytest.raises(SynthError) as caught:
        import_simplified_blocks(options, weights, fixed)
    assert caught.value.message == "`h.0.attn.v_attn.id` of shape (8, 8) is not the identity"


@torch.no_grad()
def test_a_gain_that_is_0_in_one_layer_acts_in_the_others(tmp_path: Path) -> None:
    case = simplified_case("default", tmp_path, in_python=False)
    weights = case.weights | {
        "h.0.attn_block_skip_gain": torch.zeros(1),
        "h.0.mlp_block_skip_gain": torch.zeros(1),
    }
    compared(case, weights, case.original(weights))


@pytest.mark.parametrize("eps", ["1e-05", "0.05"])
@torch.no_grad()
def test_a_trainers_folder_says_the_epsilon_of_norms(eps: str, tmp_path: Path) -> None:
    options = simplified.options_of("post-norm with a cap") | {"layer_norm_epsilon": eps}
    weights, _ = simplified.drawn(options)
    words = {"True": True, "False": False, "None": None}
    table = {key: words.get(value, value) for key, value in options.items()}
    (tmp_path / "config.json").write_text(json.dumps(table | {"layer_norm_epsilon": float(eps)}))
    torch.save({f"transformer.{name}": tensor for name, tensor in weights.items()}, tmp_path / "model.pt")
    imported = ORIGINS["simplified-blocks"].read(ImportSource(tmp_path / "model.pt", {})).imported
    logits = build_translated(imported).double().eval()(TOKENS)[0]
    torch.testing.assert_close(logits, Simplified(options, weights, {}).logits(TOKENS), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("key", "value"), [("scale_attn_by_inverse_layer_idx", True), ("scale_attn_weights", False)]
)
def test_a_trainers_folder_that_scales_scores_otherwise_is_refused(
    key: str, value: bool, tmp_path: Path
) -> None:
    weights, _ = simplified.drawn(simplified.options_of("default"))
    (tmp_path / "config.json").write_text(
        json.dumps({"parallel_layers": False, "centre_attn": False, key: value})
    )
    torch.save(weights, tmp_path / "model.pt")
    with pytest.raises(SynthError) as caught:
        ORIGINS["simplified-blocks"].read(ImportSource(tmp_path / "model.pt", {}))
    assert caught.value.message == f"`{key} = {value}` of the simplified blocks cannot be expressed"


def test_a_bias_without_its_map_is_zero_or_refused() -> None:
    options = simplified.options_of("skipless")
    weights, fixed = simplified.drawn(options)
    bias = {"h.1.attn.c_proj.bias": torch.zeros(simplified.D)}
    assert "h.1.attn.c_proj.bias" in import_simplified_blocks(options, weights | bias, fixed).unused
    with pytest.raises(SynthError) as caught:
        import_simplified_blocks(options, weights | {"h.1.attn.c_proj.bias": torch.ones(simplified.D)}, fixed)
    assert caught.value.message == "`h.1.attn.c_proj.bias` holds numbers up to 1, and would act"


@pytest.mark.parametrize("in_python", [False, True], ids=["command", "python"])
@pytest.mark.parametrize("name", synthesizer.MODELS)
def test_synthesizer(name: str, in_python: bool, tmp_path: Path) -> None:
    options = synthesizer.options_of(name)
    table = {"seq2seq": "tgt_tok.weight", "lm": "tok.weight"}.get(options["kind"], "")
    found = verdicts(synthesizer_case(name, tmp_path, in_python), table, "lm_head.weight")
    same = {
        f"{side}.layers.N.{attention}.W_{part}.{leaf}"
        for side, attention, key in (
            ("encoder", "self_attn", "attn_mode_self_enc"),
            ("decoder", "self_attn", "attn_mode_self_dec"),
            ("decoder", "cross_attn", "attn_mode_cross"),
        )
        for part in "qk"
        for leaf in ("weight", "bias")
        if options[key].startswith("synth") and f"{side}.layers.0.{attention}.W_q.bias" in found
    }
    if options["kind"] == "lm":
        same |= CROSS | CROSS_NORM
    elif options["attn_mode_cross"] == "synth_random":
        same |= CROSS_NORM
    assert named(found, "same") == same
    is_tied = options["kind"] != "classifier" and options["tie_tgt_embeddings"] == "True"
    # in Python the options say that they are one; a file alone with two that differ is not tied
    assert named(found, "refused") == ({table, "lm_head.weight"} if is_tied and in_python else set())


@pytest.mark.parametrize("name", srupp.MODELS)
def test_language_models_of_sru(name: str, tmp_path: Path) -> None:
    found = verdicts(srupp_case(name, tmp_path))
    changes_width = srupp.widths_of(srupp.options_of(name))[0] != srupp.D
    first, *others = [f"rnn.rnn_lst.{n}.scale_x" for n in range(3)]
    assert found == {first: "same" if changes_width else "acts", **dict.fromkeys(others, "acts")}
