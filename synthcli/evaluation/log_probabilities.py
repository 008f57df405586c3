"""How probable a model found a text: what programs write of tokens, and what `synth eval` keeps."""

import math
from pathlib import Path

import numpy as np

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Array
from synthcli.evaluation.kept_samples import read_samples
from synthcli.evaluation.protocols.counts import TextCounts
from synthcli.evaluation.text_lines import read_text_lines
from synthcli.safe_read import parse_json

BASES = {"e": 1.0, "2": math.log(2), "10": math.log(10)}
ENDING = ".samples.jsonl"
FORM = "a line is a row of text: the log probabilities of its tokens, as `-1.5 -0.25 -3` or a list of JSON"
KEPT = {"perplexity": "token", "perplexity_per_word": "word", "bits_per_byte": "byte"}


def read_kept(path: Path) -> TextCounts:
    """Return the sums beside a result of `synth eval perplexity`; ends of rows are counted there."""
    if path.suffix == ".json":
        path = path.with_name(path.name.removesuffix(".json") + ENDING)
    if not path.is_file():
        message = f"there is no `{path}`, which holds the sums of a result"
        raise SynthError(message, "evaluate again: `synth eval perplexity` keeps them")
    kept = {name: one for name, one in read_samples(path).items() if name in KEPT}
    if "perplexity" not in kept:
        raise SynthError(f"`{path}` is of no perplexity", "name a result of `synth eval perplexity`")
    units = {KEPT[name]: one.statistics[:, 1] for name, one in kept.items()}
    return TextCounts(kept["perplexity"].statistics[:, 0], units, kept["perplexity"].samples)


def read_log_probabilities(path: Path, base: str, text: Path | None) -> TextCounts:
    """Return the sums of a file with a row of log probabilities a line, and of the text that they are of."""
    rows = [
        _parse(line.strip(), f"`{path}` line {number:,}")
        for number, line in enumerate(read_text_lines(path), 1)
    ]
    nats = np.array([-BASES[base] * math.fsum(row) for row in rows])
    tokens = np.array([len(row) for row in rows], dtype=np.float64)
    if text is None:
        return TextCounts.of(nats, tokens)
    words, size, ends = count_text(text)
    if len(words) != len(rows):
        message = f"`{path}` has {len(rows):,} rows and `{text}` {len(words):,}"
        raise SynthError(message, f"conversion is of one text, row by row: {FORM}")
    return TextCounts.of(nats, tokens, words, size, ends)


def count_text(path: Path) -> tuple[Array, Array, Array]:
    """Return words, bytes and ends of every line of a text."""
    lines = read_text_lines(path)
    words = np.array([len(line.split()) for line in lines], dtype=np.float64)
    return words, np.array([len(line.encode()) for line in lines], dtype=np.float64), np.ones(len(lines))


def _parse(line: str, where: str) -> list[float]:
    try:
        found = parse_json(line) if line.startswith(("[", "{")) else line.split()
        row = [float(value) for value in (found["logprobs"] if isinstance(found, dict) else found)]
    except (ValueError, TypeError, KeyError) as error:
        raise SynthError(f"{where} is no row of numbers", FORM) from error
    wrong = next((value for value in row if not (math.isfinite(value) and value <= 0)), None)
    if wrong is not None:
        hint = "logarithms of probabilities are 0 or less, and finite; turn the sign of losses"
        raise SynthError(f"{where}: {wrong:g} is no log probability", hint)
    return row
