"""What a command does without: modules that it does not import, as a user would wait for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Synth

pytestmark = pytest.mark.slow

TORCH = ("torch", "torch._dynamo", "accelerate")
LIBRARIES = (
    "datasets",
    "pyarrow",
    "transformers",
    "matplotlib",
    "scipy",
    "sacrebleu",
    "tokenizers",
    "sentencepiece",
)
NUMBERS = ("numpy", "pandas")
SCHEMA = (
    "synthcli.presets.schema",
    "synthcli.model_config.model",
    "synthcli.data.corpora",
)  # pydantic is typer's too
EVERYTHING = (*TORCH, *LIBRARIES, *NUMBERS, *SCHEMA)

# words of a command: what it does not import
WITHOUT: dict[str, tuple[str, ...]] = {
    "--help": (*EVERYTHING, "synthcli.cli.train", "synthcli.presets"),
    "--version": EVERYTHING,
    "trian": EVERYTHING,
    "train --help": EVERYTHING,
    "train wmt14-dens": EVERYTHING,
    "check wmt14-dens": EVERYTHING,
    "plan wmt14-dens": EVERYTHING,
    "presets ls --names": EVERYTHING,
    "presets ls": EVERYTHING,
    "presets show wmt14-dense": (*TORCH, *LIBRARIES, *NUMBERS),
    "presets validate wmt14-dense": (*TORCH, *LIBRARIES, *NUMBERS),
    "plan wmt14-dense": (*TORCH, *LIBRARIES, *NUMBERS),
    "plan wmt14-dense --scale smoke --set training.steps=9": (*TORCH, *LIBRARIES, *NUMBERS),
    "train wmt14-dense --set trainin.steps=9": (*TORCH, *LIBRARIES, *NUMBERS),
    "eval blue": EVERYTHING,
    "score --task translaton": EVERYTHING,
    "score --task language-model --nats 9 --tokens 3": (*TORCH, *LIBRARIES, "pandas"),
    "doctor": (*TORCH, *LIBRARIES, *NUMBERS),
    "kernels status": EVERYTHING,
}

CODE = """
import json, sys
from synthcli.__main__ import main
sys.argv = ["synth", *json.loads(sys.argv[1])]
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps([name for name in sys.modules]))
"""


# what the evaluation of accuracy does without; Arrow's functions and the operators of SRU take long to load
NOT_FOR_ACCURACY = (
    "torch._dynamo",
    "accelerate",
    *(name for name in LIBRARIES if name != "pyarrow"),
    "pandas",
    "pyarrow.compute",
    "synthcli.model.ops.native",
)


def imported_by(words: str, folder: Path) -> list[str]:
    """Run a command in a folder, and return the modules that it imported."""
    command = [sys.executable, "-c", CODE, json.dumps(words.split())]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    imported: list[str] = json.loads(ran.stderr.splitlines()[-1])
    assert ran.returncode in (0, 2) and "synthcli.cli" in imported, ran.stderr
    return imported


@pytest.mark.parametrize("words", WITHOUT)
def test_a_command_does_without_what_it_has_no_use_for(words: str, tmp_path: Path) -> None:
    imported = imported_by(words, tmp_path)
    assert [name for name in WITHOUT[words] if name in imported] == []


def test_an_evaluation_does_without_what_other_metrics_and_models_need(
    synth: Synth, tiny: str, here: Path
) -> None:
    assert synth("train", tiny).code == 0
    imported = imported_by("eval accuracy --limit 4", here)
    assert list(here.glob("runs/*/*/results/accuracy.*.json"))
    assert [name for name in NOT_FOR_ACCURACY if name in imported] == []
