"""Every verb that writes, as a user types it, on models small enough to be tried hundreds of times."""

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthcli.__main__ import main
from synthcli.evaluation.result import Figure, Result
from synthcli.exporters import parity_report
from synthcli.jobs.reproduce import reproduce
from synthcli.kernels import builder
from synthcli.kernels.places import FILES
from synthcli.kernels.report import LibraryPart
from synthcli.reproduce.tasks import Task
from tests.tiny_presets import write_claims

SMALL = (  # what the scale smoke would make larger
    *("model.d_model=8", "model.d_ff=8", "model.mixer.heads=2", "model.encoder.layers=1"),
    *("model.decoder.layers=1", "data.batch.size=8", "training.steps=4", "training.evaluate_every=2"),
    *("training.save_every=2", "training.keep=1", "training.validation_examples=8"),
    "training.schedule.warmup_steps=1",
)
SEQ2SEQ = """\
extends = "wmt14-dense"
title = "A model for faults"
[model]
d_model = 8
d_ff = 8
[model.mixer]
heads = 2
[model.encoder]
layers = 1
max_length = 16
[model.decoder]
layers = 1
max_length = 16
[data]
corpus = "reverse"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 8
[training]
steps = 4
evaluate_every = 2
save_every = 2
keep = 1
validation_examples = 8
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 1
[evaluation]
metrics = ["bleu", "accuracy"]
beam = 1
"""
ENCODER = """\
extends = "bert-base-wikitext-2"
title = "A teacher for faults"
[model]
d_model = 8
d_ff = 12
[model.mixer]
heads = 2
[model.encoder]
layers = 2
max_length = 16
[data]
corpus = "text"
source = "SOURCE"
[data.tokenizer]
vocab_size = 60
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 1
precision = "fp32"
[training.schedule]
warmup_steps = 1
"""
TOY = [
    f"--set={key}"
    for key in (
        "model.d_model=8",
        "model.d_ff=8",
        "model.mixer.heads=2",
        "model.encoder.layers=1",
        "model.decoder.layers=1",
        "training.steps=2",
        "training.evaluate_every=2",
        "training.save_every=2",
        "training.validation_examples=4",
        "training.schedule.warmup_steps=1",
        "data.batch.size=8",
    )
]
WRITTEN = '{"references": ["one two three four"], "hypothesis": "one two three four five"}\n' * 4
PIECES = ("--tokenizer", "wordpiece", "--vocab-size", "70")
QUICK = ("--steps", "2", "--limit", "16")

VERBS: dict[str, tuple[str, ...]] = {
    "prepare-corpus": ("prepare-corpus", "text", "--source", "words", *PIECES),
    "prepare-corpus --force": ("prepare-corpus", "copy", "--force"),
    "tokenizer train": (
        "tokenizer",
        "train",
        "words/train.txt",
        "--kind",
        "byte-level-bpe",
        "-o",
        "out/pieces",
    ),
    "quality --picture": ("quality", "copy.bytes-260", "--picture", "quality.png"),
    "corpora pack .tar.gz": ("corpora", "pack", "copy.bytes-260", "-o", "out/store.tar.gz"),
    "corpora pack .tar.zst": ("corpora", "pack", "copy.bytes-260", "-o", "store.tar.zst"),
    "corpora unpack": ("corpora", "unpack", "store.tar", "--to", "out/store"),
    "train": ("train", "seq2seq.toml"),
    "train --resume": ("train", "--resume", "{part}"),
    "train --track": ("train", "seq2seq.toml", "--track", "tensorboard", "--name", "tracked"),
    "finetune": ("finetune", "{seq2seq}", "--corpus", "copy", "--set", "training.steps=2"),
    "eval accuracy": ("eval", "accuracy", "{seq2seq}", "--limit", "8"),
    "eval bleu --json": ("eval", "bleu", "{seq2seq}", "--limit", "8", "--json"),
    "eval bleu --from": ("eval", "bleu", "--from", "written.jsonl", "--json"),
    "eval perplexity": ("eval", "perplexity", "{encoder}"),
    "score --json": ("score", "written.jsonl", "--task", "translation", "--json"),
    "eval teacher-agreement": ("eval", "teacher-agreement", "{student}", "--teacher", "{encoder}"),
    "generate": ("generate", "{seq2seq}", "--prompt", "abc", "--prompt", "de"),
    "probe": ("probe", "{encoder}", "--limit", "16", "-r", "none", "-r", "heads-halved"),
    "probe --cache": ("probe", "{encoder}", "--limit", "16", "-r", "none", "--cache", "kept", "-o", "probed"),
    "distill-block": ("distill-block", "--block", "1", "--teacher", "{encoder}", *QUICK),
    "merge-layers": ("merge-layers", "0", "1", "--teacher", "{encoder}", "--json", *QUICK),
    "heal": ("heal", "{student}", "--steps", "2"),
    "heal --resume": ("heal", "--resume", "{healing}"),
    "export safetensors": ("export", "{seq2seq}", "--to", "safetensors", "-o", "out/taken"),
    "export --force": ("export", "{encoder}", "--to", "safetensors", "-o", "exported", "--force"),
    "export hf": ("export", "{encoder}", "--to", "hf", "-o", "out/hf"),
    "export hf with code": ("export", "{seq2seq}", "--to", "hf"),
    "export torch": ("export", "{encoder}", "--to", "torch"),
    "export onnx": ("export", "{encoder}", "--to", "onnx"),
    "import": ("import", "published", "-o", "out/imported"),
    "push --dry-run": ("push", "published", "--to", "me/it", "--dry-run"),
    "reproduce": ("reproduce", *TOY),
    "compare": (
        "compare",
        "seq2seq.toml",
        "b=seq2seq.toml: training.clip=0.5",
        "--seeds",
        "1",
        "--jobs",
        "1",
    ),
    "claims run": ("claims", "run", "claims.toml", "--jobs", "1"),
    "compare --tune": (
        "compare",
        "seq2seq.toml",
        "b=seq2seq.toml: training.clip=0.5",
        *("--seeds", "1", "--jobs", "1", "--tune", "training.schedule.peak=1e-4..1e-2", "--trials", "2"),
    ),
    "tune": (
        *("tune", "seq2seq.toml", "--over", "training.schedule.peak=1e-4..1e-2"),
        *("--trials", "2", "--jobs", "1"),
    ),
    "presets cp": ("presets", "cp", "wmt14-dense", "-o", "mine.toml"),
    "presets ls": ("presets", "ls", "--names"),
    "plan --json": ("plan", "wmt14-dense", "--json"),
    "check --json": ("check", "seq2seq.toml", "--json"),
    "kernels build": ("kernels", "build", "--mode", "cpu"),
    "runs plot": ("runs", "plot", "{seq2seq}", "{encoder}"),
    "runs plot -o": ("runs", "plot", "{seq2seq}", "-o", "out/curves.svg"),
    "runs results": ("runs", "results", "{seq2seq}", "--as", "ada/model", "-o", "out"),
    "runs rm": ("runs", "rm", "{part}", "--yes"),
    "runs rm, two of them": ("runs", "rm", "{healing}", "{student}", "--yes", "--json"),
    "runs rm --leftovers": ("runs", "rm", "--leftovers", "--yes"),
    "stores rm": ("stores", "rm", "copy.bytes-260", "--yes"),
    "stores rm --leftovers": ("stores", "rm", "--leftovers", "--yes"),
    "runs ls --json": ("runs", "ls", "--json"),
    "stores ls --json": ("stores", "ls", "--json"),
}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said beside its result."""

    code: int
    err: str


@dataclass(frozen=True)
class Place:
    """A folder with models and texts, in which commands are carried out, and the runs it holds by name."""

    root: Path
    runs: dict[str, str]

    def words(self, verb: str) -> list[str]:
        return [word.format(**self.runs) for word in VERBS[verb]]

    def begin(self, verb: str) -> None:
        """Have what only this verb needs: results, or what killed commands left."""
        if verb == "runs results":
            folder = self.root / self.runs["seq2seq"] / "results"
            folder.mkdir(exist_ok=True)
            (folder / "accuracy.copy.json").write_text(json.dumps(RESULT.to_json()))
        if verb.endswith("rm --leftovers"):
            inside = "runs/seq2seq" if verb.startswith("runs") else "stores"
            left = self.root / inside / ".unfinished-gone-01234567"
            left.mkdir()
            (left / "part").write_text("half")


def synth(*words: str, out: str | None = None) -> Said:
    """Carry out a command in this process; its result goes to a file, as a user would send it."""
    err, result = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as until_then:
        until_then.enter_context(contextlib.redirect_stderr(err))
        if out is None:
            until_then.enter_context(contextlib.redirect_stdout(result))
        else:
            until_then.enter_context(sent_to(out))
        before, sys.argv = sys.argv, ["synth", *words]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.argv = before
    return Said(code, err.getvalue())


@contextlib.contextmanager
def sent_to(path: str) -> Iterator[None]:
    """Send standard output to a file; what is still to be written at the end may fail like all else."""
    file = open(path, "w", encoding="utf-8")  # noqa: PTH123, SIM115, as it is replaced
    try:
        with contextlib.redirect_stdout(file):
            yield
    finally:
        with contextlib.suppress(OSError):
            file.close()


@contextlib.contextmanager
def at(root: Path) -> Iterator[None]:
    """Carry out commands in a folder, with all that they leave anywhere below it."""
    with pytest.MonkeyPatch.context() as patch:
        (root / "tmp").mkdir(exist_ok=True)
        for name in ("SYNTH_STORES", "SYNTH_RUNS"):
            patch.delenv(name, raising=False)
        patch.setenv("TMPDIR", str(root / "tmp"))
        patch.setenv("SYNTH_KERNELS_DIR", str(root / "kernels"))
        patch.setattr("tempfile.tempdir", None)
        patch.setattr("signal.signal", lambda *what: None)
        patch.setattr(parity_report, "run", Proofs(parity_report.run))
        patch.setattr(builder, "try_compile", compiled)
        task = Task("translation", {"dense": "wmt14-dense"}, "accuracy", ("smoke",), "copy")
        patch.setattr(reproduce, "TASKS", (task,))
        patch.chdir(root)
        yield


RESULT = Result(
    metric="accuracy",
    figures=(Figure("accuracy", 50.0, (40.0, 60.0), "share right", "", True),),
    samples=8,
    split_size=8,
    limit=None,
    corpus="copy",
    split="test",
    store="0" * 64,
    checkpoint="seq2seq",
    step=2,
    options={"bootstrap": 100},
)
KNOWN: dict[tuple[str, ...], str] = {}  # what the process that proves an export said, by export


class Proofs:
    """The process that proves an export, run once for each: what it says of the same export is the same."""

    def __init__(self, run: Callable[..., tuple[int, str]]) -> None:
        self.run = run

    def __call__(self, command: list[str], **more: Any) -> tuple[int, str]:
        key, report = tuple(command[5:7]), Path(command[-1])
        if key not in KNOWN:
            found = self.run(command, **more)
            if found[0] == 0:
                KNOWN[key] = report.read_text()
            return found
        try:
            report.write_text(KNOWN[key])
        except OSError as error:  # its traceback goes to its own standard error
            return 1, f"OSError: {error.strerror}\n"
        return 0, ""


def compiled(kind: str, bench: builder.Bench) -> LibraryPart:
    """Write a library without a compiler."""
    (bench.work / FILES[kind]).write_bytes(b"library")
    return LibraryPart("built", compiler="c++", version="1", targets=("any",))


def prepared(root: Path) -> Place:
    """Fill a folder with what the verbs need: trained, interrupted, compressed, exported and packed."""
    root.mkdir()
    with at(root):
        words = root / "words"
        words.mkdir()
        for split, rows in (("train", 40), ("valid", 16), ("test", 8)):
            lines = [f"the word {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
            (words / f"{split}.txt").write_text("\n".join(lines) + "\n")
        (root / "seq2seq.toml").write_text(SEQ2SEQ)
        write_claims(root / "claims.toml", "seq2seq.toml", SMALL)
        (root / "encoder.toml").write_text(ENCODER.replace("SOURCE", str(words)))
        done("prepare-corpus", "copy")
        done("train", "seq2seq.toml")
        done("train", "encoder.toml")
        done("merge-layers", "0", "1", "--closed-form-only", "--limit", "16", "--teacher", newest("encoder"))
        runs = {name: newest(name) for name in ("seq2seq", "encoder")}
        runs["student"] = newest("encoder-merge-*")
        done("heal", runs["student"], "--steps", "2")
        runs["healing"] = interrupted(root / newest("encoder-merge-*-heal*"), "step-00000002")
        again = root / "runs" / "seq2seq" / "20260101-000000-0000"
        shutil.copytree(runs["seq2seq"], again, symlinks=True)
        runs["part"] = interrupted(again, "step-00000004")
        done("export", runs["encoder"], "--to", "safetensors", "-o", "exported")
        done("export", runs["encoder"], "--to", "hf", "-o", "published")
        done("corpora", "pack", "copy.bytes-260", "-o", "store.tar")
        (root / "written.jsonl").write_text(WRITTEN)
    return Place(root, runs)


def done(*words: str) -> None:
    said = synth(*words)
    assert said.code == 0, said.err


def newest(name: str) -> str:
    return str(sorted(Path("runs").glob(f"{name}/[0-9]*"), key=lambda path: path.stat().st_mtime)[-1])


def interrupted(run: Path, last: str) -> str:
    """Take the end of a run away, as a kill before its last checkpoint does."""
    (run / "finished.json").unlink()
    gone = run / "checkpoints" / last
    one, *_ = sorted(run.glob("checkpoints/step-*"))
    if one == gone:  # only the newest was kept
        one = gone.with_name("step-00000001")
    shutil.rmtree(gone)
    for link in ("last", "best"):
        (run / "checkpoints" / link).unlink(missing_ok=True)
    results = run / "results" / "compress.json"
    if results.exists():
        table = json.loads(results.read_text())
        table.pop("after", None)
        results.write_text(json.dumps(table))
    return os.path.relpath(run)
