"""One process of a training on streams over two: started by `test_streams_in_processes.py`."""

import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from synthcli.data.config import BatchConfig
from synthcli.objectives import OBJECTIVES
from synthcli.training.checkpoints import load_checkpoint
from synthcli.training.loop import train
from tests.training.share_of_two import Watch
from tests.training.toy_streams import SRUPP, Periodic, config, model, stream_callbacks

SRU = {"kind": "sru"}
WORDS = {"positions": "none", "cutoffs": [6, 10], "div_val": 2}  # most targets are in one cluster or two

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {  # batch, mixer, model
    "even": ({"size": 4}, SRUPP, {}),
    "uneven": ({"size": 5, "micro_size": 2}, SRUPP, {}),
    "a micro-batch without streams": ({"size": 3, "micro_size": 1}, SRUPP, {}),
    "a stream a process": ({"size": 2}, SRU, {}),
    "adaptive": ({"size": 4, "micro_size": 1}, SRUPP, {"embeddings": WORDS}),
}
STEPS, SAVED_AT = 11, 5  # an epoch has 8: neither the save nor the end is where one begins
AT = f"checkpoints/step-{SAVED_AT:08d}"


def watched_training(name: str, folder: Path, resume: Path | None = None) -> Watch:
    """Train in float64, without the dropout whose masks are each process's own."""
    batch, mixer, changes = CASES[name]
    mixer = mixer | ({"attention_dropout": 0.0} if mixer["kind"] == "srupp" else {})
    folder.mkdir(parents=True, exist_ok=True)
    watch, examples = Watch(), Periodic(streams=batch["size"])
    train(
        model(mixer, dropout=0.0, **changes).double(),
        examples,
        OBJECTIVES["causal-lm"],
        config(STEPS, log_every=1, save_every=SAVED_AT, keep=3),
        BatchConfig.model_validate(batch),
        callbacks=[watch, *stream_callbacks(folder, examples)],
        resume=None if resume is None else load_checkpoint(resume),
    )
    return watch


if __name__ == "__main__":
    for name in CASES:
        folder = Path(sys.argv[1]) / name
        watch = watched_training(name, folder / "run")
        save_file(watch.seen, folder / f"gradients-of-{sys.argv[2]}.safetensors")
        watch = watched_training(name, folder / "resumed", resume=Path(sys.argv[3]) / name / AT)
        save_file(watch.seen, folder / f"resumed-gradients-of-{sys.argv[2]}.safetensors")
