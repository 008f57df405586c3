"""Every file of recorded tensors through `synth import`.

The checkpoint that lies on the disk afterwards computes what the original did, and nothing else is needed
than what the command was told.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from synthcli.jobs.importing import REPORT
from synthcli.model.context import Context
from synthcli.model.mixers.sru import RecurrentState
from tests.cli.conftest import Synth
from tests.importers.golden import group, recorded
from tests.importers.test_import_command import close, loaded, saved

VALUE_SKIPINIT = ["parallel_layers=False", "centre_attn=True", "attn_block_skip_gain=0"]
SIMPLIFIED = {
    "simplified_default": ["model=default"],
    "simplified_default_parallel": ["model=default-parallel"],
    "simplified_op": ["model=op"],
    "simplified_skipless": ["model=skipless"],
    "simplified_skipless_parallel": ["model=skipless-parallel"],
    "simplified_skipless_parallel_nonorm": ["model=skipless-parallel"],
    "simplified_trainable_value_gains": ["model=skipless"],
    "simplified_value_skipinit": VALUE_SKIPINIT,
}
SYNTHESIZER = {
    "synthesizer_classifier_random": [],
    "synthesizer_lm_dense": [],
    "synthesizer_lm_hybrid_dense": [],
    "synthesizer_seq2seq_dense": [],
    "synthesizer_seq2seq_random": [],
    "synthesizer_seq2seq_vanilla": ["--heads", "4"],
}
SRUPP = {
    "srupp_base": [],
    "srupp_in_ne_out_rescale": [],
    "srupp_post_ln_every2": ["--option", "normalize_after=True"],
}
SRU = "sru_padded"
BIDIRECTIONAL = "srupp_bidirectional"
STACKS = (*SRUPP, SRU, BIDIRECTIONAL)


def test_no_recorded_file_is_forgotten(shared: Path) -> None:
    files = {path.stem for path in (shared / "golden").glob("*.safetensors")}
    assert files == {*SIMPLIFIED, *SYNTHESIZER, *STACKS}
    assert len(files) >= 19


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_simplified_blocks(name: str, shared: Path, here: Path, synth: Synth) -> None:
    options, tensors = recorded(shared / "golden" / f"{name}.safetensors")
    source = saved(group(tensors, "weights."), here / "model.pt")
    words = [word for option in SIMPLIFIED[name] for word in ("--option", option)]
    fixed = group(tensors, "fixed.")
    if fixed and options["val_init_type"] not in ("id", "None"):
        saved(fixed, here / "fixed.pt")
        words += ["--option", "fixed=fixed.pt", "--option", f"val_init_type={options['val_init_type']}"]
        words += ["--option", f"proj_init_type={options['proj_init_type']}"]
    said = synth("import", source, "--from", "simplified-blocks", "-o", "taken", *words)
    assert (said.code, said.out) == (0, "taken\n"), said.err
    logits, _ = loaded("taken")(tensors["input_ids"])
    close(logits, tensors["expected.logits"])
    assert "assumed, as the repository has it: `norm_position = pre`" in said.err
    assert "no tokenizer: what reads text refuses it" in said.err


@pytest.mark.slow
@pytest.mark.parametrize("name", SYNTHESIZER)
@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_synthesizer(name: str, suffix: str, shared: Path, here: Path, synth: Synth) -> None:
    options, t = recorded(shared / "golden" / f"{name}.safetensors")
    (here / "best").mkdir()
    weights = group(t, "weights.")
    saved(weights, here / "best" / f"pytorch_model.{suffix}")
    torch.save({"optimizer": {}}, here / "best" / "trainer_states.pt")
    said = synth("import", "best", "--from", "synthesizer", "-o", "taken", *SYNTHESIZER[name])
    assert (said.code, said.out) == (0, "taken\n"), said.err
    model = loaded("taken")
    if options["kind"] == "seq2seq":
        logits = model(t["src_ids"], t["decoder_input_ids"], t["src_mask"] == 0, t["decoder_mask"] == 0)
    else:
        logits = model(t["input_ids"], padding=t["mask"] == 0)
    close(logits[0] if options["kind"] == "lm" else logits, t["expected.logits"])
    report = json.loads((here / "taken" / REPORT).read_text())
    used = {*report["tensors"].values()}
    assert used.isdisjoint(report["unused"])
    assert weights.keys() == used | {*report["unused"]}
    assert report["reasons"].keys() == {*report["unused"]}


def as_language_model(weights: dict[str, Tensor], inputs: Tensor, width: int) -> dict[str, Tensor]:
    """Put a recorded stack into its repository's language model: a token's vector is one recorded input, and
    its logits are h itself, so that they are what was recorded."""
    table = inputs.flatten(0, 1).contiguous()
    output = torch.zeros(len(table), width)
    output[:width] = torch.eye(width)
    names = {f"rnn.{name}": tensor for name, tensor in weights.items()}
    return names | {
        "embedding_layer.weight": table,
        "output_layer.weight": output,
        "output_layer.bias": torch.zeros(len(table)),
    }


def tokens_of(inputs: Tensor) -> Tensor:
    """Return the ids of (length, batch) recorded vectors, batch first."""
    length, batch, _ = inputs.shape
    return torch.arange(length * batch).view(length, batch).T


@pytest.mark.parametrize("name", SRUPP)
def test_srupp(name: str, shared: Path, here: Path, synth: Synth) -> None:
    """Two segments, the second of which remembers the first; the width may change in the first layer."""
    options, t = recorded(shared / "golden" / f"{name}.safetensors")
    inputs, width = torch.cat((t["x_first"], t["x_second"])), int(options["hidden_size"])
    saved(as_language_model(group(t, "weights."), inputs, width), here / "model.pt")
    words = ["--heads", options["num_heads"], *SRUPP[name]]
    said = synth("import", "model.pt", "--from", "srupp", "-o", "taken", *words)
    assert said.code == 0, said.err
    model: Any = loaded("taken")
    tokens, length = tokens_of(inputs), len(t["x_first"])
    state = model.initial_state()
    blocks = [
        replace(block, mixer=replace(block.mixer, c=c))
        for block, c in zip(state.blocks, t["c0"], strict=True)
    ]
    first, state = model(tokens[:, :length], state=replace(state, blocks=tuple(blocks)))
    second, state = model(tokens[:, length:], state=state)
    close(first[..., :width].transpose(0, 1), t["expected.h_first"])
    close(second[..., :width].transpose(0, 1), t["expected.h_second"])
    close(torch.stack([block.mixer.c for block in state.blocks]), t["expected.c_second"])


def test_sru_from_vectors_of_another_width(shared: Path, here: Path, synth: Synth) -> None:
    options, t = recorded(shared / "golden" / f"{SRU}.safetensors")
    width = int(options["hidden_size"])
    saved(as_language_model(group(t, "weights."), t["x"], width), here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "-o", "taken")
    assert said.code == 0, said.err
    model: Any = loaded("taken")
    padding = t["mask_pad"].T.bool()
    h, state = model(tokens_of(t["x"]), padding=padding, state=model.initial_state())
    close(h[..., :width].transpose(0, 1), t["expected.h"])
    close(torch.stack([block.mixer.c for block in state.blocks]), t["expected.c"])


def bidirectional(shared: Path) -> tuple[list[str], dict[str, Tensor]]:
    options, t = recorded(shared / "golden" / f"{BIDIRECTIONAL}.safetensors")
    return ["--heads", options["num_heads"], "--option", "bidirectional=True"], t


def test_srupp_in_both_directions_is_an_encoder(shared: Path, here: Path, synth: Synth) -> None:
    """Its layers carry what the recorded ones carry, masked as those were; by itself it masks nothing."""
    words, t = bidirectional(shared)
    table = t["x_first"].flatten(0, 1).contiguous()
    layers = {f"rnn.{name}": tensor for name, tensor in group(t, "weights.").items()}
    saved(layers | {"embedding_layer.weight": table}, here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "-o", "taken", *words)
    assert said.code == 0, said.err
    model: Any = loaded("taken")
    mixers = [block.mixer for block in model.encoder.blocks]
    close(embedded := model.embeddings(tokens_of(t["x_first"])), t["x_first"].transpose(0, 1))
    states, first = run_layers(mixers, embedded, [RecurrentState(c) for c in t["c0"]])
    close(torch.stack([state.c for state in states]), t["expected.c_first"])
    states, second = run_layers(mixers, t["x_second"].transpose(0, 1), states, len(t["x_first"]))
    close(first.transpose(0, 1), t["expected.h_first"])
    close(second.transpose(0, 1), t["expected.h_second"])
    close(torch.stack([state.c for state in states]), t["expected.c_second"])
    _, alone = run_layers(mixers, embedded, [RecurrentState()] * len(mixers), causal=False)
    hidden, _ = model.encoder(embedded, Context(0, causal=False))
    close(hidden, alone)


def run_layers(
    mixers: list[nn.Module], x: Tensor, states: list[RecurrentState], start: int = 0, causal: bool = True
) -> tuple[list[RecurrentState], Tensor]:
    """Run mixers one after another, each with its state; `start` tokens came before."""
    new = []
    for mixer, state in zip(mixers, states, strict=True):
        x, after = mixer.train()(x, Context(start, causal=causal), state)  # its memory is what enters it
        new.append(after)
    return new, x


def test_srupp_in_both_directions_guesses_hidden_words(shared: Path, here: Path, synth: Synth) -> None:
    """Its logits are the hidden states of the same model without an output layer."""
    words, t = bidirectional(shared)
    whole = as_language_model(group(t, "weights."), t["x_second"], t["x_second"].shape[-1])
    saved(whole, here / "model.pt")
    saved({name: tensor for name, tensor in whole.items() if "output" not in name}, here / "bare.pt")
    tokens = tokens_of(t["x_second"])
    for name in ("model", "bare"):
        said = synth("import", f"{name}.pt", "--from", "srupp", "-o", name, *words)
        assert said.code == 0, said.err
    model, bare = loaded("model"), loaded("bare")
    assert (model.config.has_head, bare.config.has_head) == (True, False)
    hidden, _ = bare.encoder(bare.embeddings(tokens), Context(0, causal=False))
    close(model(tokens)[..., : hidden.shape[-1]], hidden)


def test_an_encoder_of_another_width_is_refused(shared: Path, here: Path, synth: Synth) -> None:
    """Without a head its vectors have to be those of the logits that nobody asks for."""
    words, t = bidirectional(shared)
    layers = {f"rnn.{name}": tensor for name, tensor in group(t, "weights.").items()}
    for leaf in ("transform_module.linear1.weight", "layer_norm.weight", "layer_norm.bias"):
        layers[f"rnn.rnn_lst.0.{leaf}"] = layers[f"rnn.rnn_lst.0.{leaf}"][..., :20].contiguous()
    layers["rnn.rnn_lst.0.transform_module.linear3.weight"] = torch.zeros(96, 8)  # its u3 is the skip's
    saved(layers | {"embedding_layer.weight": torch.zeros(9, 20)}, here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "-o", "taken", *words)
    assert (said.code, (here / "taken").exists()) == (2, False)
    assert said.err == (
        "error: vectors of width 20 enter layers of width 24, and there is no `output_layer`\n"
        "hint: in Python: `synthcli.importers.srupp.import_srupp(options, weights)`, or `import_sru`\n"
    )


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_of_layers_alone_is_refused(name: str, shared: Path, here: Path, synth: Synth) -> None:
    _, tensors = recorded(shared / "golden" / f"{name}.safetensors")
    saved(group(tensors, "weights."), here / "stack.pt")
    said = synth("import", "stack.pt", "--from", "srupp", "--heads", "2", "-o", "taken")
    assert (said.code, (here / "taken").exists()) == (2, False)
    assert said.err == (
        "error: the weights are a stack of layers, which is no language model\n"
        "hint: in Python: `synthcli.importers.srupp.import_srupp(options, weights)`, or `import_sru`\n"
    )
