"""Preparing Python's standard library in GPT-2's BPE, beside tiktoken on the same rows and nothing else.

Both in this process, in turn, after a small preparation that imports what they need; figures are processor
seconds. The vocabulary is GPT-2's where `--gpt2-files` names its folder, else one trained on the text.
"""

import statistics
import sysconfig
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.tokenizers import load_tokenizer, train_or_load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENTRIES = 50_257
SAMPLE_LINES = 100_000  # that a vocabulary is trained on
HELD_OUT = 1_000  # lines of each other split


def library_lines() -> "Iterator[str]":
    """Yield the lines of Python's library that are not blank, and of what is installed beside it."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        text = path.read_bytes().decode(errors="ignore").replace("\0", "")
        yield from (line for line in text.split("\n") if line.strip())


def write_library(folder: Path, megabytes: float) -> list[str]:
    """Write so many MB of lines as the corpus `text`, and return those of its training split."""
    folder.mkdir(parents=True)
    lines, size, source = list[str](), 0.0, library_lines()
    while size < megabytes * 1e6 and (part := list(islice(source, HELD_OUT))):
        lines += part
        size += sum(len(line.encode()) + 1 for line in part)
    splits = {"validation": lines[:HELD_OUT], "test": lines[HELD_OUT : 2 * HELD_OUT], "train": lines}
    for split, rows in splits.items():
        (folder / f"{split}.txt").write_text("".join(f"{row}\n" for row in rows), newline="\n")
    return lines


def byte_pairs(lines: list[str], files: Path | None, folder: Path) -> TokenizerConfig:
    """Return GPT-2's own vocabulary of a folder, or one that is trained and saved."""
    if files is not None:
        return TokenizerConfig(kind="gpt2", files=str(files))
    config = TokenizerConfig(kind="byte-level-bpe", vocab_size=ENTRIES)
    folder.mkdir()
    train_or_load_tokenizer(config, islice(lines, SAMPLE_LINES)).save(folder)
    return config.model_copy(update={"files": str(folder)})


def compare_byte_pairs(
    megabytes: float,
    rounds: int,
    files: Path | None,
    folder: Path,
    cpu_seconds_of: "Callable[[Callable[[], int]], tuple[int, float]]",
) -> dict[str, Any]:
    """Prepare and encode in turn; return medians of processor seconds and of their ratios."""
    lines = write_library(folder / "text", megabytes)
    write_library(folder / "few", 0.1)
    config = byte_pairs(lines, files, folder / "vocabulary")
    encoding = load_tokenizer(Path(str(config.files))).fast_encoding  # type: ignore[attr-defined]

    def prepare_text(source: str = "text") -> int:
        store = prepare_store("text", config, folder / "stores", folder / source, force=True)
        return store.counts("train")["tokens"]

    def encode() -> int:
        return sum(len(encoding.encode_ordinary(line)) for line in lines)

    prepare_text("few")
    ours, theirs = list[float](), list[float]()
    for _ in range(rounds):
        tokens, seconds = cpu_seconds_of(prepare_text)
        ours.append(seconds)
        encoded, seconds = cpu_seconds_of(encode)
        theirs.append(seconds)
    found = {
        "vocabulary": config.kind,
        "entries": encoding.n_vocab - 1,  # without the separator of rows
        "MB": round(sum(len(line.encode()) + 1 for line in lines) / 1e6, 1),
        "rows": len(lines),
        "M tokens": tokens / 1e6,
        "M tokens of tiktoken": encoded / 1e6,
        "CPU s": statistics.median(ours),
        "CPU s of tiktoken": statistics.median(theirs),
        "CPU ratio": statistics.median(one / other for one, other in zip(ours, theirs, strict=True)),
    }
    print(
        ", ".join(
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in found.items()
        )
    )
    return found
