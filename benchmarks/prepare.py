"""Preparing a corpus: tokens a second beside `datasets.map`, memory by size of text, time to open a store.

The same text and the same tokenizer, in turn, round after round, so that a noisy machine hits both alike;
ratios within one run are what counts: of time, and of the CPU seconds of all processes, which do not depend
on what else runs. `datasets.map` is given the text in Arrow already, in two processes, batched, and calls the
tokenizer's own library; ours reads a file, hashes and counts what it writes, and looks for duplicates.

    python benchmarks/prepare.py [--only speed byte-pairs memory start] [--megabytes 50] [--rounds 3]
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.prepare_byte_pairs import compare_byte_pairs
from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.tokenizers import load_tokenizer, train_or_load_tokenizer

PROCESSES = 2
WORDS, WORDS_A_LINE = 20_000, 25
CONFIGS = {
    "sentencepiece-unigram": TokenizerConfig(kind="sentencepiece-unigram", vocab_size=8_000),
    "sentencepiece-bpe": TokenizerConfig(kind="sentencepiece-bpe", vocab_size=8_000),
    "wordpiece": TokenizerConfig(kind="wordpiece", vocab_size=8_000),
    "bytes": TokenizerConfig(kind="bytes", vocab_size=260),
}
SAMPLE_SECONDS = 0.05
MIB = 2**20
LONGEST_SECONDS = 600  # of one measurement


def write_corpus(folder: Path, megabytes: float, seed: int = 0) -> Path:
    """Write lines of random words, frequent ones often, in the layout of WikiText-2."""
    folder.mkdir(parents=True)
    draw = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(draw.choices(letters, k=draw.randint(1, 11))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    halves = [" ".join(draw.choices(words, weights, k=WORDS_A_LINE // 2)) for _ in range(50_000)]
    with (folder / "wiki.train.tokens").open("w") as stream:
        while stream.tell() < megabytes * 1e6:
            stream.write(f"{draw.choice(halves)} {draw.choice(halves)}\n")
    for split in ("valid", "test"):
        (folder / f"wiki.{split}.tokens").write_text(
            "".join(f"{half}\n" for half in draw.choices(halves, k=100))
        )
    return folder


def saved_tokenizer(kind: str, lines: list[str], folder: Path) -> TokenizerConfig:
    """Train a tokenizer once and return how it is taken from its folder."""
    folder.mkdir(parents=True)
    train_or_load_tokenizer(CONFIGS[kind], iter(lines)).save(folder)
    return CONFIGS[kind].model_copy(update={"files": str(folder)})


def prepared(config: TokenizerConfig, source: Path, root: Path) -> int:
    """Prepare the corpus and return how many tokens it has."""
    store = prepare_store("wikitext-2", config, root, source, force=True, workers=PROCESSES)
    return store.counts("train")["tokens"]


def library_call(folder: Path, kind: str) -> Callable[[list[str]], list[list[int]]]:
    """Return what a program that uses the tokenizer's library would call."""
    if kind.startswith("sentencepiece"):
        import sentencepiece

        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        # two processes of one thread each, as ours: on a busy machine more threads would get more of it
        return lambda texts: list(model.encode(texts, num_threads=1))
    return load_tokenizer(folder).encode_batch


def mapped(dataset: Any, encode: Callable[[list[str]], list[list[int]]]) -> int:
    """Let `datasets` do it, and return how many tokens there are."""
    done = dataset.map(
        lambda batch: {"tokens": encode(batch["text"])},
        batched=True,
        num_proc=PROCESSES,
        remove_columns=["text"],
        load_from_cache_file=False,
    )
    return sum(len(chunk.values) for chunk in done.data.column("tokens").chunks)


def speed(kinds: list[str], megabytes: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Time both in turn; tokens a second are medians."""
    import datasets

    datasets.disable_progress_bars()
    source = write_corpus(folder / "text", megabytes)
    lines = (source / "wiki.train.tokens").read_text().splitlines()
    dataset = datasets.Dataset.from_dict({"text": lines})
    dataset.save_to_disk(str(folder / "arrow"))
    dataset = datasets.load_from_disk(str(folder / "arrow"))
    results: dict[str, Any] = {}
    for kind in kinds:
        config = saved_tokenizer(kind, lines[:20_000], folder / kind)
        encode = library_call(folder / kind, kind)
        ours, theirs = list[Measured](), list[Measured]()
        for _ in range(rounds):
            ours.append(measured(lambda config=config: prepared(config, source, folder / "stores")))
            theirs.append(measured(lambda encode=encode: mapped(dataset, encode)))
            dataset.cleanup_cache_files()
        results[kind] = compared(ours, theirs)
        print(f"{kind:24}" + ", ".join(f"{name} {value:.2f}" for name, value in results[kind].items()))
    return results


@dataclass(frozen=True)
class Measured:
    """What a preparation took."""

    tokens: int
    seconds: float
    cpu_seconds: float  # of all processes


def measured(work: Callable[[], int]) -> Measured:
    begun, cpu = time.perf_counter(), cpu_seconds()
    tokens = work()
    return Measured(tokens, time.perf_counter() - begun, cpu_seconds() - cpu)


def cpu_seconds_of(work: Callable[[], int]) -> tuple[int, float]:
    """Do work, and return its tokens and CPU seconds."""
    done = measured(work)
    return done.tokens, done.cpu_seconds


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and those that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def compared(ours: list[Measured], theirs: list[Measured]) -> dict[str, float]:
    """Return medians of the rounds."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "M tokens/s": statistics.median(one.tokens / one.seconds / 1e6 for one in ours),
        "datasets.map": statistics.median(one.tokens / one.seconds / 1e6 for one in theirs),
        "ratio": statistics.median(other.seconds / one.seconds for one, other in pairs),
        "CPU s": statistics.median(one.cpu_seconds for one in ours),
        "CPU s of datasets.map": statistics.median(one.cpu_seconds for one in theirs),
        "CPU ratio": statistics.median(other.cpu_seconds / one.cpu_seconds for one, other in pairs),
    }


def memory(sizes: list[float], folder: Path) -> dict[str, Any]:
    """Measure the most memory of a preparation and its processes, by the size of the text.

    The tokenizer is there already: one is trained on a sample whose size its vocabulary decides.
    """
    results = {}
    lines = (write_corpus(folder / "sample", 3) / "wiki.train.tokens").read_text().splitlines()
    config = saved_tokenizer("sentencepiece-unigram", lines, folder / "tokenizer")
    for megabytes in sizes:
        source = write_corpus(folder / f"text-{megabytes:g}", megabytes)
        code = (
            "from benchmarks.prepare import *\n"
            f"prepare('wikitext-2', TokenizerConfig(**{config.model_dump()}),"
            f" Path({str(folder / 'stores')!r}), Path({str(source)!r}), workers={PROCESSES})"
        )
        peak = watched([sys.executable, "-c", code])
        results[f"{megabytes:g}"] = peak
        print(f"{megabytes:8,.0f} MB of text: {peak / MIB:6.0f} MiB at most", flush=True)
    return results


def watched(command: list[str]) -> int:
    """Run a command and return the most memory that it and its processes held together."""
    import psutil

    with subprocess.Popen(command) as process:
        peak, watched_process = 0, psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, held(watched_process))
            time.sleep(SAMPLE_SECONDS)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed")
    return peak


def held(process: Any) -> int:
    """Add up what a process and its children hold, shared pages shared out."""
    import psutil

    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total


START = """
import sys, time
def clocks(): return time.perf_counter(), time.process_time()
times = [clocks()]
from pathlib import Path
from synthcli.jobs.train import Examples
from synthcli.data.examples.batches import Batches
from benchmarks.prepare_byte_pairs import compare_byte_pairs
from synthcli.data.config import BatchConfig
from synthcli.data.store.store import open_store
times.append(clocks())
store = open_store(Path(sys.argv[1]))
examples = {split: Examples(store, split, "causal-lm", None, 512, layout="packed") for split in store.splits}
batches = Batches(examples["train"].lengths, BatchConfig(size=8), seed=0)
examples["train"].collate(batches.at(0)[1])
times.append(clocks())
for begun, ended in zip(times, times[1:]):
    print(*(after - before for before, after in zip(begun, ended)))
"""


def start(millions: list[float], folder: Path) -> dict[str, Any]:
    """Time what training does before its first step, in a new process, by the tokens of its store.

    Imports are what `synth train` imports; the store is opened, verified and asked for the first batch.
    """
    results = {}
    for million in millions:
        source = write_corpus(folder / f"text-{million:g}", million)
        store = prepare_store("wikitext-2", CONFIGS["bytes"], folder / "stores", source, workers=PROCESSES)
        command = [sys.executable, "-c", START, str(store.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST_SECONDS)
        names = ("imports", "imports, CPU", "store", "store, CPU")
        seconds = dict(zip(names, map(float, done.stdout.split()), strict=True))
        results[f"{million:g}"] = seconds
        told = ", ".join(f"{name} {taken:.2f} s" for name, taken in seconds.items())
        print(f"{million:8,.0f} M tokens: {told}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=("speed", "byte-pairs", "memory", "start"))
    parser.add_argument("--kinds", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--gpt2-files", type=Path, metavar="DIR", help="GPT-2's vocab.bpe and encoder.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=float, nargs="+", default=[10, 100, 1_000])
    parser.add_argument("--million-tokens", type=float, nargs="+", default=[1, 100])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    parts: dict[str, Callable[[Path], Any]] = {
        "speed": lambda folder: speed(asked.kinds, asked.megabytes, asked.rounds, folder),
        "byte-pairs": lambda folder: compare_byte_pairs(
            asked.megabytes, asked.rounds, asked.gpt2_files, folder, cpu_seconds_of
        ),
        "memory": lambda folder: memory(asked.sizes, folder),
        "start": lambda folder: start(asked.million_tokens, folder),
    }
    results = {}
    for name in asked.only or parts:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = parts[name](Path(folder))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
