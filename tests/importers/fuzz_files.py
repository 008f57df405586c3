"""Damage models of every kind and give them to every command that reads one: it works, or says one message.

python -m tests.importers.fuzz_files --cases 200 --seed 0
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch

from synthcli.__main__ import main as synth
from tests.importers.damage import DAMAGES, SENTINEL, certified_again
from tests.importers.hub_folders import bert_folder, gpt2_folder
from tests.importers.test_import_bert_blocks import bert

OUTPUT = "out"
Words = tuple[str, ...]


@dataclass(frozen=True)
class Fixture:
    """A whole model, by how it is made, and the commands that take it; `{}` stands for its folder."""

    make: Callable[[Path], None]
    commands: tuple[Words, ...]


def import_of(origin: str, *more: str) -> Words:
    return ("import", "{}", "--from", origin, "-o", OUTPUT, *more)


def bert_blocks_file(folder: Path) -> None:
    folder.mkdir(parents=True)
    torch.save({"model_state_dict": bert(), "epoch": 3}, folder / "BERTLM-latest.pth")


def synthesizer_file(folder: Path) -> None:
    """A language model of the repository, of one layer."""
    d, heads, length = 8, 2, 6
    shapes = {
        "tok.weight": (11, d),
        "pos.weight.weight": (length, d),
        "lm_head.weight": (11, d),
        **{f"ln_f.{leaf}": (d,) for leaf in ("weight", "bias")},
        **{
            f"decoder.layers.0.{n}.{leaf}": (d,) for n in ("ln1", "ln2", "ln3") for leaf in ("weight", "bias")
        },
        **{f"decoder.layers.0.self_attn.W_{m}.weight": (d, d) for m in "qkvo"},
        **{f"decoder.layers.0.self_attn.W_{m}.bias": (d,) for m in "qkvo"},
        "decoder.layers.0.self_attn.rand_logits": (heads, length, length),
        "decoder.layers.0.ff.net.0.weight": (16, d),
        "decoder.layers.0.ff.net.0.bias": (16,),
        "decoder.layers.0.ff.net.3.weight": (d, 16),
        "decoder.layers.0.ff.net.3.bias": (d,),
    }
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, folder / "pytorch_model.bin")


def simplified_file(folder: Path) -> None:
    """A default block of the repository."""
    d, heads = 8, 2
    block = {
        **{f"ln_{n}.scale": (d,) for n in (1, 2)},
        **{f"attn.{gain}": (1, heads, 1, 1) for gain in MATRIX_GAINS},
        "attn.qk_attn.weight": (d, 2 * d),
        "attn.qk_attn.bias": (2 * d,),
        **{f"attn.{m}.weight": (d, d) for m in ("v_attn", "c_proj")},
        **{f"attn.{m}.bias": (d,) for m in ("v_attn", "c_proj")},
        "mlp.c_fc.weight": (d, 16),
        "mlp.c_fc.bias": (16,),
        "mlp.c_proj.weight": (16, d),
        "mlp.c_proj.bias": (d,),
        **{f"{part}_block_{kind}_gain": (1,) for part in ("attn", "mlp") for kind in ("resid", "skip")},
    }
    shapes = {f"h.0.{name}": shape for name, shape in block.items()}
    shapes |= {"wte.weight": (11, d), "wpe.weight": (6, d), "ln_f.weight": (d,), "ln_f.bias": (d,)}
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, folder / "model.pt")


MATRIX_GAINS = ("attn_mat_resid_gain", "attn_mat_skip_gain", "centre_attn_gain")


def srupp_file(folder: Path) -> None:
    """A language model of the repository, of one layer with attention."""
    d, z = 8, 4
    transform = {"linear1.weight": (z, d), "linear2.weight": (2 * z, z), "linear3.weight": (3 * d, z)}
    transform |= {"alpha": (1,), "layer_norm.weight": (z,), "layer_norm.bias": (z,)}
    layer = {f"transform_module.{name}": shape for name, shape in transform.items()}
    layer |= {"weight_c": (2 * d,), "bias": (2 * d,)}
    shapes = {f"rnn.rnn_lst.0.{name}": shape for name, shape in layer.items()}
    shapes |= {"embedding_layer.weight": (11, d), "output_layer.weight": (11, d), "output_layer.bias": (11,)}
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, folder / "model.pt")


def checkpoint(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """A checkpoint of ours, imported from a folder."""

    def made(folder: Path) -> None:
        make(folder.with_name("origin"))
        assert run(("import", str(folder.with_name("origin")), "-o", str(folder))).code == 0
        shutil.rmtree(folder.with_name("origin"))

    return made


def export(folder: Path) -> None:
    """What an export looks like to `push`."""
    gpt2_folder(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "PARITY.json").write_text('{"holds": true}')


READING: tuple[Words, ...] = (
    ("generate", "{}", "--prompt", "the film", "--max-length", "2"),
    ("eval", "perplexity", "{}", "--corpus", "stdlib-docstrings", "--limit", "2"),
    ("export", "{}", "--to", "safetensors", "-o", OUTPUT),
    ("push", "{}", "--to", "me/x", "--dry-run"),
)
GUESSING: tuple[Words, ...] = (("generate", "{}", "--prompt", "the [MASK]"), *READING[2:])

FIXTURES: dict[str, Fixture] = {
    "gpt2": Fixture(gpt2_folder, (import_of("hf"),)),
    "bert": Fixture(bert_folder, (import_of("hf"),)),
    "synthesizer": Fixture(synthesizer_file, (import_of("synthesizer"),)),
    "simplified-blocks": Fixture(
        simplified_file, (import_of("simplified-blocks", "--option", "model=default"),)
    ),
    "srupp": Fixture(srupp_file, (import_of("srupp", "--heads", "1"),)),
    "bert-blocks": Fixture(bert_blocks_file, (import_of("bert-blocks", "--heads", "1"),)),
    "writer": Fixture(checkpoint(gpt2_folder), (READING[0], READING[2])),
    "guesser": Fixture(checkpoint(bert_folder), GUESSING[:2]),
    "export": Fixture(export, (READING[3],)),
}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def run(words: Words) -> Ended:
    """Run a command in this process, as its user would; whatever it lets through comes out."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(mock.patch.object(sys, "argv", ["synth", *words]))
        try:
            synth()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Case:
    """One model, what is done to it, and one command; a function of its seed and number."""

    seed: int
    number: int

    @property
    def name(self) -> str:
        return sorted(FIXTURES)[self.number % len(FIXTURES)]

    def outcome(self, whole: Path, folder: Path) -> str:
        """Return `worked` or `refused`; raises AssertionError, or what a command let through."""
        rng = random.Random(f"{self.seed} {self.number}")
        model = Path(shutil.copytree(whole / self.name, folder / "model", symlinks=True))
        for damage in rng.sample(sorted(DAMAGES), k=rng.choice((1, 1, 1, 2))):
            DAMAGES[damage](model, rng)
        if rng.random() < 0.7:
            certified_again(model)
        words = rng.choice(FIXTURES[self.name].commands)
        before = everything(folder)
        with contextlib.chdir(folder), warnings.catch_warnings():
            ended = run(tuple(word.replace("{}", "model") for word in words))
        return judged(ended, folder, before)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def judged(ended: Ended, folder: Path, before: set[str]) -> str:
    """Have one message, the right exit code, nothing outside the target, and no code run."""
    new = everything(folder) - before
    assert not (folder / SENTINEL).exists(), "code ran"
    assert not Path("/tmp/outside").exists(), "a file was written outside"
    assert ended.code in (0, 1, 2), ended
    if ended.code == 0:
        assert {Path(name).parts[0] for name in new} <= {OUTPUT, "stores", "runs"}, new
        return "worked"
    assert "Traceback" not in ended.err, ended.err
    assert ended.err.count("error: ") == 1 and "hint: " in ended.err, ended.err
    assert len(ended.err) < 6_000, ended.err[:2_000]
    assert not new - {name for name in new if Path(name).parts[0] in ("stores", "runs")}, new
    return "refused"


def made(folder: Path) -> Path:
    """Make every model whole, once."""
    for name, fixture in FIXTURES.items():
        fixture.make(folder / name)
    return folder


def outcomes(cases: int, seed: int, whole: Path) -> Iterator[tuple[Case, str]]:
    """Yield what every case gave; a traceback is an outcome here."""
    for number in range(cases):
        case, folder = Case(seed, number), Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            yield case, case.outcome(whole, folder)
        except Exception:
            yield case, traceback.format_exc()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for case, outcome in outcomes(asked.cases, asked.seed, made(Path(folder))):
            is_failure = outcome not in ("worked", "refused")
            counts["failed" if is_failure else outcome] += 1
            if is_failure:
                sys.stdout.write(f"case {case.number} of seed {case.seed}, {case.name}:\n{outcome}\n")
    report = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    sys.stdout.write(f"{report} of {asked.cases} cases\n")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
