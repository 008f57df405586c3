"""What the model computed before it left, read from one safetensors file.

`<case>.<name>` are the inputs of a case, its `logits`, `labels` and `loss`; `greedy.<name>` are prompts, the
tokens that greedy decoding adds to each, and by how much each led the second best.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

Array = NDArray[Any]
GREEDY = "greedy"


@dataclass(frozen=True)
class ParityCase:
    """`inputs` by name: `tokens` and `padding` (True at padding), `source`, `source_padding`, `token_types`.

    `again` are the logits of the project's own reading of the folder, where nothing else runs it.
    """

    inputs: dict[str, Array]
    logits: Array
    loss: float
    labels: Array
    again: Array | None = None

    @property
    def real(self) -> Array:
        """True where logits count: at positions that are no padding, or for every row of a decision."""
        padding = self.inputs.get("padding")
        is_decision = self.logits.ndim == 2
        if padding is None or is_decision:
            return np.ones(self.logits.shape[:-1], dtype=bool)
        return ~padding


@dataclass(frozen=True)
class Greedy:
    """`prompts` a row each, of different lengths; seq2seq: sources, and `tokens` begin after `begin`."""

    prompts: list[Array]
    tokens: Array
    margins: Array

    @property
    def steps(self) -> int:
        return int(self.tokens.shape[1])


class Facts(TypedDict):
    """What is no array: numbers and names, `seconds` ours, `sha256` of tensors that must be equal."""

    task: str
    cases: int
    begin: int | None
    seconds: dict[str, float]
    threads: int
    tolerance: float
    sha256: dict[str, str]


@dataclass(frozen=True)
class RecordedModel:
    """`facts` are numbers and names that are no arrays: task, tolerance, begin, threads, seconds of ours."""

    facts: Facts
    cases: list[ParityCase]
    greedy: Greedy | None

    @classmethod
    def read(cls, path: Path) -> "RecordedModel":
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["facts"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        cases = [_case(_select_prefix(arrays, str(number))) for number in range(facts["cases"])]
        written = _select_prefix(arrays, GREEDY)
        return cls(facts, cases, _greedy(written) if written else None)


def _select_prefix(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.partition(".")[2]: a for name, a in arrays.items() if name.partition(".")[0] == prefix}


def _case(arrays: dict[str, Array]) -> ParityCase:
    logits, loss, labels = (arrays.pop(name) for name in ("logits", "loss", "labels"))
    again = arrays.pop("again", None)
    return ParityCase(arrays, logits, float(loss), labels, again)


def _greedy(arrays: dict[str, Array]) -> Greedy:
    prompts = [row[:length] for row, length in zip(arrays["prompts"], arrays["lengths"], strict=True)]
    return Greedy(prompts, arrays["tokens"], arrays["margins"])
