"""Every verb that writes, on tiny models: what is killed, and what brings it to its end afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthcli.data.prepare import local, sharding
from tests.kill_verbs.forked import fork_ranks

Words = tuple[str, ...]
Again = Callable[[Path, Words], Words | None]
SMALL_SHARD = 300  # bytes of text


def same(box: Path, words: Words) -> Words | None:
    """Give the same command again."""
    return words


def unless_there(*names: str) -> Again:
    """Give the same command again, unless it has come to its end: it refuses what is there."""
    return lambda box, words: None if all((box / name).exists() for name in names) else words


def resumed(name: str, *more: str) -> Again:
    """Resume the run that was begun; without one, give the same command again."""

    def again(box: Path, words: Words) -> Words | None:
        runs = new_runs(box, name)
        if not runs:
            return words
        verb = "heal" if words[0] == "heal" else "train"
        return None if (runs[-1] / "finished.json").exists() else (verb, "--resume", str(runs[-1]), *more)

    return again


def new_runs(box: Path, name: str) -> list[Path]:
    """Return the runs of a name that the template does not have, as paths in the box."""
    before = {path.name for path in (box / ".before" / name).glob("[0-9]*")}
    found = sorted((box / "runs" / name).glob("[0-9]*"))
    return [path.relative_to(box) for path in found if path.name not in before]


def until_gone(box: Path, words: Words) -> Words | None:
    """Remove what is still there under its name, and the rest of what is no longer."""
    kind, verb, *names, yes = words
    there = [name for name in names if list(box.glob(f"{kind}/{name}/[!.]*"))]
    left = list((box / kind).rglob(".unfinished-*"))
    return (kind, verb, *there, "--leftovers", yes) if there or left else None


def nothing() -> None:
    """Patch nothing."""


@dataclass(frozen=True)
class Verb:
    """`patch` is applied in the process that carries it out."""

    words: Words
    again: Again = same
    patch: Callable[[], None] = nothing
    needs_models: bool = True
    by_event: bool = True  # whether half of the SIGKILLs may come at a file operation of the command
    has_workers: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a Python of its own does the same."""
        return self.patch is nothing


def small_shards() -> None:
    sharding.SHARD_BYTES = local.SHARD_BYTES = SMALL_SHARD


def no_trial() -> None:
    """Fake compilers write text: do not load it."""
    from synthcli.kernels import builder

    builder.TRIAL = "open(__import__('sys').argv[1]).read()"


def few_tasks() -> None:
    """Reproduce two rows of one task."""
    from synthcli.jobs.reproduce import reproduce

    task = next(task for task in reproduce.TASKS if task.metric == "perplexity")
    few = dict(list(task.presets.items())[:2])
    reproduce.TASKS = (type(task)(**{**vars(task), "presets": few}),)


PREPARE = ("prepare-corpus", "text", "--source", "words", "--tokenizer", "wordpiece", "--vocab-size", "50")
QUICK = ("--limit", "24")
SMALLER = ("--set", "training.steps=3", "--set", "model.d_model=16", "--set", "model.d_ff=16")

ARMS = ("long.toml", "hot=long.toml: training.schedule.peak=0.02")

ALIKE = ("long.toml", "mild=long.toml: training.clip=0.5")
RANGE, FEW = "training.schedule.peak=1e-4..1e-1", ("--trials", "2")
TUNED, OVER = ("--tune", RANGE, *FEW), ("--over", RANGE, *FEW)

VERBS: dict[str, Verb] = {
    "prepare-corpus, 1 worker": Verb((*PREPARE, "--workers", "1"), patch=small_shards, needs_models=False),
    "prepare-corpus, 2 workers": Verb(
        (*PREPARE, "--workers", "2"), patch=small_shards, needs_models=False, has_workers=True
    ),
    "tokenizer train": Verb(
        ("tokenizer", "train", "--kind", "wordpiece", "--vocab-size", "50", "words/train.txt", "-o", "out"),
        unless_there("out"),
        needs_models=False,
    ),
    "corpora pack": Verb(
        ("corpora", "pack", "text", "--source", "words", "-o", "out.tar.gz"), needs_models=False
    ),
    "corpora unpack": Verb(
        ("corpora", "unpack", "words.tar.gz", "--to", "out"), unless_there("out"), needs_models=False
    ),
    "train": Verb(("train", "long.toml"), resumed("long")),
    "train, 2 processes": Verb(
        ("train", "long.toml", "--processes", "2"),
        resumed("long", "--processes", "2"),
        patch=fork_ranks,
        by_event=False,
        has_workers=True,
    ),
    "train, 2 real processes": Verb(
        ("train", "long.toml", "--processes", "2"),
        resumed("long", "--processes", "2"),
        by_event=False,
        has_workers=True,
    ),
    "train, streams": Verb(("train", "streams.toml"), resumed("streams")),
    "finetune": Verb(
        (
            "finetune",
            "teacher",
            "--corpus",
            "text",
            "--source",
            "words",
            "--set",
            "training.steps=12",
            "--set",
            "training.save_every=3",
            "--set",
            "training.evaluate_every=6",
        ),
        resumed("teacher-on-text"),
    ),
    "eval": Verb(("eval", "perplexity", "teacher")),
    "eval bleu": Verb(("eval", "bleu", "writer", "--limit", "10")),
    "eval bleu --from": Verb(("eval", "bleu", "--from", "written.jsonl"), needs_models=False),
    "score": Verb(("score", "written.jsonl", "--task", "translation"), needs_models=False),
    "eval teacher-agreement": Verb(("eval", "teacher-agreement", "teacher-merge-1-2", *QUICK)),
    "probe": Verb(("probe", "teacher", *QUICK, "--replacement", "none", "--layers", "0,1")),
    "distill-block": Verb(("distill-block", "--block", "2", "--teacher", "teacher", "--steps", "6", *QUICK)),
    "merge-layers": Verb(("merge-layers", "1", "2", "--teacher", "teacher", "--steps", "6", *QUICK)),
    "heal": Verb(("heal", "teacher-merge-1-2", "--steps", "8"), resumed("teacher-merge-1-2-healed")),
    "export safetensors": Verb(
        ("export", "writer", "--to", "safetensors", "-o", "out", "--force"), has_workers=True
    ),
    "export safetensors over another": Verb(
        ("export", "writer", "--to", "safetensors", "-o", "exported", "--force"), has_workers=True
    ),
    "export hf": Verb(("export", "teacher", "--to", "hf", "-o", "out", "--force"), has_workers=True),
    "export torch": Verb(("export", "teacher", "--to", "torch", "-o", "out", "--force"), has_workers=True),
    "export onnx": Verb(("export", "teacher", "--to", "onnx", "-o", "out", "--force"), has_workers=True),
    "import": Verb(("import", "bert", "-o", "out"), unless_there("out")),
    "generate": Verb(("generate", "writer", "--prompt", "abc1", "--prompt", "2", "--beam", "3")),
    "kernels build": Verb(
        ("kernels", "build", "--mode", "cpu"), patch=no_trial, needs_models=False, has_workers=True
    ),
    "runs rm": Verb(("runs", "rm", "halted", "writer", "--yes"), until_gone),
    "runs plot": Verb(("runs", "plot", "teacher", "writer", "-o", "out.png")),
    "stores rm": Verb(("stores", "rm", "copy.bytes-260", "--yes"), until_gone, needs_models=False),
    "reproduce": Verb(("reproduce", *SMALLER, "-o", "report", "--jobs", "1"), patch=few_tasks),
    "reproduce, 2 rows at a time": Verb(
        ("reproduce", *SMALLER, "-o", "report", "--jobs", "2"),
        patch=few_tasks,
        by_event=False,
        has_workers=True,
    ),
    "compare": Verb(("compare", *ARMS, "--seeds", "2", "-o", "report", "--jobs", "1")),
    "compare, 2 runs at a time": Verb(
        ("compare", *ARMS, "--seeds", "2", "-o", "report", "--jobs", "2"), by_event=False, has_workers=True
    ),
    "claims run": Verb(("claims", "run", "claims.toml", "-o", "report", "--jobs", "1")),
    "compare --tune --halving": Verb(
        ("compare", *ALIKE, "--seeds", "1", "-o", "report", "--jobs", "1", *TUNED, "--halving")
    ),
    "tune, 2 trials at a time": Verb(
        ("tune", ARMS[0], *OVER, "-o", "report", "--jobs", "2"), by_event=False, has_workers=True
    ),
}

# Shares of the kills, where not 1: more of those that take less.
WEIGHTS = {
    "prepare-corpus, 1 worker": 4,
    "prepare-corpus, 2 workers": 2,
    "tokenizer train": 4,
    "corpora pack": 3,
    "corpora unpack": 3,
    "kernels build": 1.5,
    "eval": 2,
    "eval bleu": 1.5,
    "import": 2.5,
    "runs rm": 3,
    "stores rm": 2,
    "runs plot": 0.7,
    "generate": 2,
    "train": 1.5,
    "train, 2 processes": 1.2,
    "train, 2 real processes": 0.4,
    "eval teacher-agreement": 1,
    "probe": 1.2,
    "distill-block": 1.2,
    "merge-layers": 1.2,
    "export safetensors over another": 0.7,
    "export hf": 0.4,
    "export torch": 0.3,
    "export onnx": 0.3,
    "reproduce": 0.3,
    "reproduce, 2 rows at a time": 0.2,
    "compare": 0.4,
    "compare, 2 runs at a time": 0.2,
    "claims run": 0.3,
    "compare --tune --halving": 0.3,
    "tune, 2 trials at a time": 0.2,
}
