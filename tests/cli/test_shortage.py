"""Where memory ends: one message, the setting that needs less, and a command that then works."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from synthcli.runs import list_runs
from synthcli.training.trainer import Trainer
from tests.tiny_presets import LANGUAGE_MODEL, write_words

from .conftest import Said, Synth, only

pytestmark = pytest.mark.slow

FULL = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which "
    "1.20 GiB is free. Including non-PyTorch memory, this process has 77.90 GiB memory in use."
)
MESSAGE = (
    "error: there is not enough memory on GPU 0: 2.00 GiB more were asked for, and 1.20 GiB of 79.11 GiB are "
    "free\n"
)
MERGE = ("merge-layers", "0", "1", "--closed-form-only", "--limit", "8")


def hold(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Have a device that holds so many rows at once."""
    embed = nn.functional.embedding

    def embedding(ids: Tensor, *what: Any, **more: Any) -> Tensor:
        if ids.dim() > 1 and len(ids) > rows:  # those of positions have one axis
            raise torch.OutOfMemoryError(FULL)
        return embed(ids, *what, **more)

    patch.setattr(nn.functional, "embedding", embedding)


def follow(said: Said, synth: Synth) -> Said:
    """Give the first command that a hint names."""
    assert said.code == 1, said.err
    assert MESSAGE in said.err and said.err.count("error:") == 1 and "Traceback" not in said.err
    (command,) = re.findall(r"`(synth [^`]*)`", said.err.rpartition("hint:")[2])
    return synth(*shlex.split(command)[1:])


def test_a_training_goes_on_with_fewer_rows_at_once(
    synth: Synth, tiny: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        hold(5, patch)
        said = synth("train", tiny, "--device", "cpu")
        path = only(here, "tiny").relative_to(here)
        assert said.err.endswith(
            f"{MESSAGE}hint: `synth train --resume {path} --device cpu --set data.batch.micro_size=8` reads "
            "fewer examples at once, and begins it again\n"
        )
        said = follow(said, synth)
        assert "micro_size=4" in said.err
        said = follow(said, synth)  # trains, and fails at the first validation
        assert "micro_size=4 --set training.validation_batch_size=10` reads" in said.err
        said = follow(follow(said, synth), synth)
    assert said.code == 0, said.err
    assert only(here, "tiny").joinpath("finished.json").exists()


def test_a_run_that_was_split_otherwise_says_that_bits_may_differ(
    synth: Synth, tiny: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_after(3, patch)
        said = synth("train", tiny)
    assert "goes on after its last checkpoint\n" in said.err
    said = follow(said, synth)
    assert said.code == 0, said.err
    note = "`micro_size` was the whole batch and is 8: the bits may differ from those of a run never stopped"
    assert note in said.err


def fail_after(step: int, patch: pytest.MonkeyPatch) -> None:
    """Have memory end after a step, as where another program takes it."""

    loss = Trainer.loss

    def failing(self: Trainer, *what: Any) -> Tensor:
        if self.step > step:
            raise torch.OutOfMemoryError(FULL)
        return loss(self, *what)

    patch.setattr(Trainer, "loss", failing)


def test_one_row_that_is_too_large(synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(0, monkeypatch)
    said = synth("train", tiny, "--set", "data.batch.micro_size=1")
    hint = "a smaller model, or a device with more memory, is what helps: `synth plan` says how large one is"
    assert (said.code, said.err.partition("error:")[2]) == (1, f"{MESSAGE[6:]}hint: {hint}\n")


def test_what_is_evaluated_at_once(synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert synth("train", tiny).code == 0
    hold(8, monkeypatch)
    said = synth("eval", "bleu", "--limit", "20")
    assert said.err.partition("\n")[2] == f"{MESSAGE}hint: `--batch-size 10` or `--beam 1` needs less\n"
    assert synth("eval", "bleu", "--limit", "20", "--batch-size", "4").code == 0


def test_what_is_written_at_once(synth: Synth, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_words(here / "words")
    (here / "lm.toml").write_text(LANGUAGE_MODEL)
    assert synth("train", "lm.toml").code == 0
    hold(1, monkeypatch)
    prompts = ["--prompt", "a", "--prompt", "b", "--max-length", "3"]
    said = synth("generate", *prompts, "--batch-size", "2")
    assert said.err.partition("\n")[2] == f"{MESSAGE}hint: `--batch-size 1` needs less\n"
    said = synth("generate", *prompts, "--batch-size", "1", "--beam", "2")
    assert said.err.partition("\n")[2] == f"{MESSAGE}hint: `--beam 1` needs less\n"
    assert synth("generate", *prompts, "--batch-size", "1").code == 0


def test_a_healing_goes_on_with_fewer_rows_at_once(
    synth: Synth, teacher: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synth(*MERGE).code == 0
    with monkeypatch.context() as patch:
        fail_after(0, patch)
        said = synth("heal", "--steps", "2", "--batch-size", "8")
    (run,) = (run for run in list_runs() if not run.is_finished)
    hint = (
        f"hint: write `micro_size = 4` below `[data.batch]` in `{run.preset}`, then "
        f"`synth heal --resume {run.path}` begins it again\n"
    )
    assert said.err.endswith(MESSAGE + hint)
    text = run.preset.read_text()
    run.preset.write_text(text.replace("[data.batch]\n", "[data.batch]\nmicro_size = 4\n"))
    said = follow(said, synth)
    assert said.code == 0, said.err
    assert run.is_finished


def test_a_student_is_fitted_on_fewer_rows_at_once(
    synth: Synth, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after(0, monkeypatch)
    distill = ("distill-block", "--block", "0", "--limit", "16", "--steps", "2")
    assert synth(*distill).err.endswith(f"{MESSAGE}hint: `--batch-size 8` needs less\n")


@pytest.mark.parametrize("verb", [("probe",), MERGE])
def test_texts_that_are_too_long(
    verb: tuple[str, ...], synth: Synth, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(0, monkeypatch)
    said = synth(*verb)
    assert said.code == 1
    assert said.err.endswith(f"{MESSAGE}hint: `--max-length 8` needs less\n")


def test_memory_of_the_processor(synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own message, of an allocation that no machine can make."""

    def failing(*what: Any) -> Tensor:
        return torch.empty(2**50)

    monkeypatch.setattr("synthcli.training.trainer.Trainer.loss", failing)
    said = synth("train", tiny)
    assert said.code == 1
    assert "error: there is not enough memory: 4.5 PB more were asked for\n" in said.err


def test_the_newest_run_is_resumed_with_another_setting(
    synth: Synth, tiny: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        hold(5, patch)
        assert synth("train", tiny).code == 1
        said = synth("train", "--resume", "--set", "data.batch.micro_size=4")
        assert "--set data.batch.micro_size=4 --set training.validation_batch_size=10`" in said.err
