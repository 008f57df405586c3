"""Files of lm-eval's `--log_samples`, `samples_<task>_<date>.jsonl`: a model, document by document.

A line is a document under a filter: `doc_id`, hashes of document, target and prompt, `filter`, and each of
`metrics` by its name. How a task adds documents up is not in the file: here it is their mean, save for
perplexities (`perplexity`, `aggregation` of lm-eval's metrics):

perplexity        exp(−mean of log-likelihoods)
word_perplexity   exp(−Σ log-likelihood / Σ words); byte_perplexity is that of bytes
bits_per_byte     −Σ log-likelihood / Σ bytes / ln 2
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Array, ratio
from synthcli.safe_read import Shape, check_shape, parse_json, read_bytes

LARGEST = 2**32  # bytes: documents and prompts stand in full in such files
LINE: Shape = {
    "doc_id": int,
    "doc_hash": str,
    "target_hash": str,
    "prompt_hash": str,
    "filter?": str,
    "metrics?": [str],
}
OTHER_KEYS = {  # of a line, and no metrics
    *("doc_id", "doc_hash", "target_hash", "prompt_hash", "filter", "metrics"),
    *("doc", "target", "arguments", "resps", "filtered_resps"),
}
WEIGHTED = ("word_perplexity", "byte_perplexity", "bits_per_byte")  # (log-likelihood, weight) a document
MOST = 1e100  # of a value; a whole number may be larger than any float
FORM = "name files that `lm_eval --log_samples` wrote, `samples_<task>_<date>.jsonl`"
Document = tuple[int, str, str]
"""The number of a document, and the hashes of it and of its target."""


def _exp_ratio(sums: Array) -> Array:
    return np.exp(-ratio(sums))


def _bits(sums: Array) -> Array:
    return -ratio(sums) / math.log(2)


FORMULAS: Mapping[str, Callable[[Array], Array]] = {
    "perplexity": _exp_ratio,
    "word_perplexity": _exp_ratio,
    "byte_perplexity": _exp_ratio,
    "bits_per_byte": _bits,
}


@dataclass(frozen=True)
class SampleFile:
    """`values` are a numerator and a weight of each document by figure: `acc`, or `acc, FILTER`."""

    path: Path
    prompts: dict[Document, str] = field(default_factory=dict)
    values: dict[str, dict[Document, tuple[float, float]]] = field(default_factory=dict)

    def figures(self) -> list[str]:
        """Return what every document has a value of."""
        return [name for name, found in self.values.items() if len(found) == len(self.prompts)]

    def statistics(self, figure: str, documents: list[Document]) -> Array:
        """Return the sums (1, documents, 2) of one run."""
        found = self.values[figure]
        return np.array([[found[document] for document in documents]], dtype=np.float64)


def formula_for(figure: str) -> Callable[[Array], Array]:
    """Return what makes a figure of sums: the mean of documents, save for perplexities."""
    return FORMULAS.get(figure.partition(", ")[0], ratio)


def read_sample_file(path: Path) -> SampleFile:
    """Return the documents of a file and their values; refuse what lm-eval did not write."""
    found = SampleFile(path)
    try:
        for number, line in enumerate(read_bytes(path, LARGEST).splitlines(), start=1):
            _add_line(found, line, number)
    except OSError as error:
        raise SynthError(
            f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}", FORM
        ) from error
    if len(found.prompts) < 2:
        raise SynthError(f"`{path}` holds {len(found.prompts)} documents, needed are two or more", FORM)
    return found


def _add_line(found: SampleFile, line: bytes, number: int) -> None:
    try:
        row = parse_json(line)
        check_shape(row, LINE)
    except ValueError as error:
        raise SynthError(f"`{found.path}`, line {number}: no document of lm-eval: {error}", FORM) from error
    document = (row["doc_id"], row["doc_hash"], row["target_hash"])
    found.prompts[document] = row["prompt_hash"]
    for name, value in _values_of(row).items():
        of_figure = found.values.setdefault(name, {})
        if document in of_figure:
            message = f"`{found.path}`, line {number}: document {row['doc_id']} is there twice"
            raise SynthError(
                message, "lm_eval adds to a file that is there: give each run a folder of its own"
            )
        of_figure[document] = value


def _values_of(row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return numerator and weight of each metric of a line that is a number, or a weighted one."""
    names = row.get("metrics") or [name for name in row if name not in OTHER_KEYS]
    of = "" if row.get("filter", "none") == "none" else f", {row['filter']}"
    values = {name: _value_of(name, row.get(name)) for name in names}
    return {name + of: value for name, value in values.items() if value is not None}


def _value_of(name: str, value: object) -> tuple[float, float] | None:
    """Return None for what is no finite number: a text, or an answer that is counted over all documents."""
    parts = value if name in WEIGHTED and isinstance(value, list) else [value, 1]
    numbers = [float(one) for one in parts if isinstance(one, bool | int | float) and abs(one) < MOST]
    has_weight = (name in WEIGHTED) == isinstance(value, list)
    return (
        (numbers[0], numbers[1])
        if len(parts) == len(numbers) == 2 and has_weight and numbers[1] > 0
        else None
    )
