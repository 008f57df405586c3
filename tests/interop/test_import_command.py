"""`synth import`: checkpoints built of the recorded weights compute what the originals did, and nothing else
is needed than what the command was told."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from synthcli.jobs.importing import REPORT
from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.cli.conftest import Synth
from tests.interop.golden import group, recorded

SIMPLIFIED = {
    "default": ["model=default"],
    "default_parallel": ["model=default-parallel"],
    "op": ["model=op"],
    "skipless": ["model=skipless"],
    "skipless_parallel": ["model=skipless-parallel"],
    "skipless_parallel_nonorm": ["model=skipless-parallel"],
    "trainable_value_gains": ["model=skipless"],
    "value_skipinit": ["parallel_layers=False", "centre_attn=True", "attn_block_skip_gain=0"],
}
SYNTHESIZER = {
    "classifier_random": [],
    "lm_dense": [],
    "lm_hybrid_dense": [],
    "seq2seq_dense": [],
    "seq2seq_random": [],
    "seq2seq_vanilla": ["--heads", "4"],
}


def saved(weights: dict[str, Tensor], path: Path) -> str:
    """Write a state dict as its repository does, or as safetensors."""
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    return str(path)


def loaded(folder: str) -> nn.Module:
    return model_of(load_checkpoint(Path(folder)))


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_simplified_blocks(name: str, shared: Path, here: Path, synth: Synth) -> None:
    options, tensors = recorded(shared / "golden" / f"simplified_{name}.safetensors")
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


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_a_trainers_folder_of_simplified_blocks(name: str, shared: Path, here: Path, synth: Synth) -> None:
    """Its `config.json` says it all; what else a trainer leaves there, pickles among it, stays closed."""
    options, tensors = recorded(shared / "golden" / f"simplified_{name}.safetensors")
    weights = {f"transformer.{key}": tensor for key, tensor in group(tensors, "weights.").items()}
    weights["lm_head.weight"] = weights["transformer.wte.weight"].clone()
    folder = here / "checkpoint-10000"
    folder.mkdir()
    torch.save(weights, folder / "pytorch_model.bin")
    for other in ("optimizer.pt", "training_args.bin", "rng_state.pth"):
        torch.save({"a": Path}, folder / other)
    words = {"True": True, "False": False, "None": None}
    table = {key: words[value] if value in words else number(value) for key, value in options.items()}
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", **table}))
    fixed = group(tensors, "fixed.")
    if fixed and options["val_init_type"] != "id":
        saved(fixed, folder / "fixed.pt")
    more = ["--option", "fixed=fixed.pt"] if (folder / "fixed.pt").exists() else []
    said = synth("import", str(folder), "--from", "simplified-blocks", "-o", "taken", *more)
    assert said.code == 0, said.err
    assert "`parallel_layers = " in said.err.partition("read off the weights")[0]
    logits, _ = loaded("taken")(tensors["input_ids"])
    close(logits, tensors["expected.logits"])


def number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


@pytest.mark.parametrize("name", SYNTHESIZER)
@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_synthesizer(name: str, suffix: str, shared: Path, here: Path, synth: Synth) -> None:
    options, t = recorded(shared / "golden" / f"synthesizer_{name}.safetensors")
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
    assert weights.keys() - used - {*report["unused"]} <= {"lm_head.weight"}


def as_language_model(weights: dict[str, Tensor], inputs: Tensor) -> dict[str, Tensor]:
    """Put a recorded stack into its repository's language model: a token's vector is one recorded input, and
    its logits are h itself, so that they are what was recorded."""
    width = inputs.shape[-1]
    table = inputs.flatten(0, 1).contiguous()
    output = torch.zeros(len(table), width)
    output[:width] = torch.eye(width)
    names = {f"rnn.{name}": tensor for name, tensor in weights.items()}
    return names | {
        "embedding_layer.weight": table,
        "output_layer.weight": output,
        "output_layer.bias": torch.zeros(len(table)),
    }


@pytest.mark.parametrize(("name", "after"), [("base", "False"), ("post_ln_every2", "True")])
def test_srupp(name: str, after: str, shared: Path, here: Path, synth: Synth) -> None:
    options, t = recorded(shared / "golden" / f"srupp_{name}.safetensors")
    assert options.get("normalize_after", "False") == after
    inputs = torch.cat((t["x_first"], t["x_second"]))
    saved(as_language_model(group(t, "weights."), inputs), here / "model.pt")
    words = ["--heads", options["num_heads"], "--option", f"normalize_after={after}"]
    said = synth("import", "model.pt", "--from", "srupp", "-o", "taken", *words)
    assert said.code == 0, said.err
    model = loaded("taken")
    length, batch, width = t["x_first"].shape
    tokens = torch.arange(len(inputs) * batch).view(-1, batch).T
    state = model.initial_state()
    blocks = [
        type(block)(type(block.mixer)(c, None), block.cross)
        for block, c in zip(state.blocks, t["c0"], strict=True)
    ]
    state = type(state)(**{**vars(state), "blocks": tuple(blocks)})
    first, state = model(tokens[:, :length], state=state)
    second, _ = model(tokens[:, length:], state=state)
    close(first[..., :width].transpose(0, 1), t["expected.h_first"])
    close(second[..., :width].transpose(0, 1), t["expected.h_second"])


@pytest.mark.parametrize("origin", ["srupp", "synthesizer", "simplified-blocks", "bert-blocks"])
def test_another_models_weights_are_refused(origin: str, here: Path, synth: Synth) -> None:
    saved({"something.else": torch.zeros(2, 2)}, here / "model.pt")
    said = synth("import", "model.pt", "--from", origin, "-o", "taken")
    assert said.code == 2
    assert "error: " in said.err and "hint: " in said.err and "Traceback" not in said.err
    assert not (here / "taken").exists()


def test_what_no_weight_shows_is_asked_for(shared: Path, here: Path, synth: Synth) -> None:
    _, tensors = recorded(shared / "golden" / "synthesizer_seq2seq_vanilla.safetensors")
    saved(group(tensors, "weights."), here / "model.bin")
    said = synth("import", "model.bin", "--from", "synthesizer")
    assert said.err == (
        "error: no weight shows `n_heads`: heads share one matrix\nhint: say it: `--heads 8`\n"
    )
    _, tensors = recorded(shared / "golden" / "simplified_default.safetensors")
    saved(group(tensors, "weights."), here / "blocks.pt")
    said = synth("import", "blocks.pt", "--from", "simplified-blocks")
    assert said.code == 2
    assert said.err.startswith("error: no weight shows `parallel_layers`: both wirings have the same tensors")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.pt", "--from", "rwkv"], "unknown origin `rwkv`"),
        (["model.pt", "--option", "a=b"], "unknown option `a` of `--from hf`"),
        (["model.pt", "--from", "srupp", "--option", "a"], "`--option a` is not `KEY=VALUE`"),
        (["model.pt", "--heads", "2"], "`--from hf` reads heads off the file"),
        (["model.pt", "--from", "srupp", "--heads", "x"], "`--heads x` is no number above 0, or several"),
        (["nothing.pt"], "there is nothing at `nothing.pt`"),
        (["model.pt"], "`model.pt` is a file, and `--from hf` reads a folder"),
        (["model.pt", "-o", "there"], "`there` exists already"),
        (["model.pt", "--from", "srupp", "--base", "x"], "`--from srupp` takes no `--base`"),
        (["other.txt", "--from", "srupp"], "`other.txt` is of no kind known to hold weights"),
    ],
)
def test_wrong_requests(words: list[str], message: str, here: Path, synth: Synth) -> None:
    torch.save({"a": torch.zeros(1)}, here / "model.pt")
    (here / "other.txt").write_text("text")
    (here / "there").mkdir()
    said = synth("import", *words)
    assert said.code == 2
    assert said.err.startswith(f"error: {message}\nhint: "), said.err
    assert not (here / "imported").exists()


def test_options_of_an_origin_are_listed(synth: Synth) -> None:
    said = synth("import", "--from", "simplified-blocks")
    assert said.code == 0
    assert "centre_attn" in said.out
