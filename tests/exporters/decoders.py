"""Language models with own code: every way to mix and to count positions, opened by transformers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from tests.exporters.hugging_face_cases import CASES, bundle_with
from tests.exporters.own_code import ids, modules_of_their_own, opened, padded_on, write_own

CAUSAL = "AutoModelForCausalLM"
BATCH, LENGTH, LENGTHS = 4, 9, (9, 4, 7, 1)
TOLERANCE = {"rtol": 1e-5, "atol": 2e-5}
SRU = {
    "block": "recurrent",
    "d_ff": None,
    "mixer": {"kind": "sru", "projection": 5},
    "embeddings": {"positions": "none"},
}
# every way to mix, and to count positions
MODELS = {
    "gpt2": CASES["gpt2"],
    "random dense dot": CASES["synthesizer causal-lm"],
    "skipless": CASES["simplified-blocks causal-lm"],
    "srupp": CASES["srupp causal-lm"],
    "adaptive": CASES["adaptive srupp"],
    "rotary": CASES["rotary and capped"],
    "sru": ("causal-lm", SRU),
}
ATTEND = [name for name in MODELS if name != "sru"]


@contextmanager
def written_decoders(folder: Path) -> Iterator[dict[str, Any]]:
    """Write every folder, and give the models."""
    with modules_of_their_own(folder / "modules"):
        for name, (task, table) in MODELS.items():
            write_own(bundle_with(name, task, table), folder / name)
        yield {name: opened(CAUSAL, folder / name) for name in MODELS}


def left_padded() -> tuple[dict[str, Tensor], Tensor]:
    """Return tokens with their mask, and the positions that GPT-2 has to be told of."""
    mask = padded_on("left", LENGTHS, LENGTH)
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    return {"input_ids": ids(BATCH, LENGTH), "attention_mask": mask}, positions
