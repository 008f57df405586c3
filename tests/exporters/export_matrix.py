"""`synth export` of one small model of every task and family, and what the certificate of each says.

Programs take seconds each to make, so this is no part of the suite. Prints a line a model: the largest
difference of logits, agreement of chosen tokens, and the batch × length pairs it was opened at, none of
which it was traced at; the lines that its page shows must write what the model does. Exits with 1 where one
fails.

    python -m tests.exporters.export_matrix onnx                        all sixteen
    python -m tests.exporters.export_matrix torch causal-lm.srupp seq2seq
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError
from synthcli.exporters.programs.form import BATCH, LENGTH, SOURCE, get_traced_sizes
from synthcli.jobs.export.export import export_checkpoint

from .program_pages import WRITES, expected, shown
from .program_sizes import bundle_of
from .tiny_models import FAMILIES, STACKS, checkpoint_of, config_of

PAIRS, PROGRAMS = 3, ("onnx", "torch")


def models(words: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield names, tasks and families of the models that a word is part of the name of."""
    for task in STACKS:
        for family in FAMILIES:
            name = f"{task}.{family}"
            if not words or any(word in name for word in words):
                yield name, task, family


def judged(kind: str, name: str, task: str, family: str, root: Path) -> tuple[bool, str]:
    """Return whether an export holds at sizes not traced, and a line about it."""
    config = config_of(task, FAMILIES[family])
    path = checkpoint_of(root / name, config)
    try:
        found = export_checkpoint(path, kind, root / f"{name}-{kind}").certificate
    except SynthError as error:
        return False, " ".join(str(error).split())
    bundle = bundle_of(config)
    pairs = {(case["batch"], case["length"]) for case in found["cases"]}
    traced = get_traced_sizes(bundle)
    unseen = pairs - {(traced[BATCH], traced.get(axis)) for axis in (LENGTH, SOURCE)}
    holds = found["holds"] and len(unseen) >= PAIRS
    if holds and kind in PROGRAMS:
        names, printed = shown(root / f"{name}-{kind}")
        holds = bool(printed) and (task not in WRITES or names["written"] == expected(bundle, names))
    return holds, said_of(found, sorted(unseen))


def said_of(found: dict[str, Any], pairs: list[tuple[int, int]]) -> str:
    greedy = found["greedy"]
    sizes = " ".join(f"{batch}×{length}" for batch, length in pairs)
    return (
        f"logits {found['max_difference']:.1e} of {found['allowed_difference']:.1e}"
        f" | tokens {greedy['agreement']:.2%} of {greedy['tokens']} | {sizes}"
    )


def main(kind: str, words: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, task, family in models(words):
            began = time.perf_counter()
            holds, said = judged(kind, name, task, family, Path(folder))
            failed += not holds
            seconds = time.perf_counter() - began
            print("ok    " if holds else "FAILED", name, "|", said, f"| {seconds:.0f} s", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
