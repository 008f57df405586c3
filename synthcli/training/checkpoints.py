"""Checkpoints: folders that load by themselves, whole or absent.

checkpoints/step-00001000/{config.json, model.safetensors, tokenizer…, training/…, manifest.json}  last  best

Both links and what is kept are functions of the folders present, so that a kill between two writes leaves
nothing that the next start does not put right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from synthcli import atomic_files
from synthcli.data.tokenizers import Tokenizer, load_tokenizer
from synthcli.data.tokenizers.base import DESCRIPTION
from synthcli.disk import guard_write
from synthcli.errors import SynthError
from synthcli.memory import refuse_larger
from synthcli.model import ModelConfig, TaskModel, build
from synthcli.model.interface import get_config
from synthcli.model.uninitialised import Uninitialised
from synthcli.safe_read import read_table, read_text
from synthcli.training import recurrent_state, state
from synthcli.training.events import RESUME, Step
from synthcli.training.manifest import (
    DAMAGED,
    LAST,
    STEP,
    Manifest,
    is_copy,
    name_checkpoint_damage,
    read_checkpoint_manifest,
    step_folders,
    verify,
    write_manifest,
)
from synthcli.training.trainer import Callback
from synthcli.training.weights import check_fit, load_weights, own_weights, weights_of

if TYPE_CHECKING:
    from synthcli.training.trainer import Trainer

FOLDER, BEST = "checkpoints", "best"
CONFIG, WEIGHTS, TRAINING = "config.json", "model.safetensors", "training"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint; its tensors are read when they are asked for."""

    path: Path
    config: ModelConfig
    manifest: Manifest

    @property
    def step(self) -> int:
        return self.manifest.step

    @property
    def validation_loss(self) -> float | None:
        return self.manifest.validation_loss

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        try:
            return load_file(self.path / WEIGHTS)
        except (SafetensorError, OSError) as error:
            raise SynthError(f"`{self.path / WEIGHTS}` is not a safetensors file", DAMAGED) from error

    @property
    def has_tokenizer(self) -> bool:
        return DESCRIPTION in self.manifest.files

    @cached_property
    def tokenizer(self) -> Tokenizer:
        if not self.has_tokenizer:
            hint = "import or write it again with one: `synth import … --tokenizer FOLDER`"
            raise SynthError(f"checkpoint `{self.path}` has no tokenizer: it cannot read text", hint)
        return load_tokenizer(self.path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; of a run, or of its folder of checkpoints, the last is taken."""
    folder = step_folder(path)
    manifest = read_checkpoint_manifest(folder)
    verify(folder, {name: file for name, file in manifest.files.items() if not name.startswith(TRAINING)})
    try:
        config = ModelConfig.model_validate_json(read_text(folder / CONFIG))
    except (ValueError, OSError) as error:
        message = f"`{folder / CONFIG}` is not the configuration of a model this version knows"
        raise SynthError(message, "use the version of `synth` that wrote it, or a newer one") from error
    return Checkpoint(folder, config, manifest)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint to resume from, if there is one."""
    return load_checkpoint(folder) if step_folders(folder) else None


def step_name(step: int) -> str:
    return f"{STEP}{step:08d}"


def read_preset_hash(folder: Path) -> str | None:
    """Return the hash of the settings a checkpoint was trained by; None where it does not say."""
    path = folder / TRAINING / state.STATE
    preset = read_table(path, DAMAGED).get("preset") if path.is_file() else None
    return preset if isinstance(preset, str) else None


def step_folder(path: Path) -> Path:
    """Return the folder of one checkpoint, links resolved; of several it is the newest.

    That is not left to the link `last`: a kill may have come before it moved.
    """
    path = atomic_files.follow_link(path)
    if not path.exists():
        raise SynthError(f"there is no checkpoint at `{path}`", "`synth train PRESET` makes a run with one")
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    if steps := step_folders(folder):
        return steps[-1].resolve()
    if folder.name == FOLDER:
        hint = "`synth train … --resume` continues the run to its first checkpoint"
        raise SynthError(f"`{path}` holds no checkpoint yet", hint)
    return path.resolve()


def load_model(path: Path) -> tuple[TaskModel, Tokenizer]:
    """Return the model of a checkpoint, in evaluation mode, and its tokenizer."""
    checkpoint = load_checkpoint(path)
    return model_of(checkpoint), checkpoint.tokenizer


def model_of(checkpoint: Checkpoint) -> TaskModel:
    """Build the model of a checkpoint, if its tensors fit, in evaluation mode; no generator notices."""
    where = f"checkpoint `{checkpoint.path}`"
    check_fit(checkpoint.config, checkpoint.weights, where)
    size = sum(tensor.nbytes for tensor in checkpoint.weights.values())
    refuse_larger(f"the model of {where}", size, "use a machine with more memory")
    with torch.random.fork_rng(devices=[]):
        model = build(checkpoint.config)
    load_weights(model, checkpoint.weights, where)
    return model.eval()


def restore_training(training: "Trainer", checkpoint: Checkpoint) -> None:
    """Bring a training to where the checkpoint was written."""
    files = checkpoint.manifest.files
    if not any(name.startswith(TRAINING) for name in files):
        hint = "`synth finetune` trains what it holds anew"
        raise SynthError(f"checkpoint `{checkpoint.path}` has no training to go on with", hint)
    verify(checkpoint.path, {name: file for name, file in files.items() if name.startswith(TRAINING)})
    load_weights(training.model, checkpoint.weights, f"checkpoint `{checkpoint.path}`")
    if checkpoint.step > training.steps:
        where = f"checkpoint `{checkpoint.path}` is of step {checkpoint.step:,}"
        raise SynthError(f"{where}, the training has {training.steps:,}", DAMAGED)
    training.step = checkpoint.step  # which streams are whose is that of a step
    with name_checkpoint_damage(checkpoint.path / TRAINING):
        state.restore_optimizer(training, checkpoint.path / TRAINING)
        recurrent_state.restore_streams(training, checkpoint.path / TRAINING)


class Checkpointing(Callback):
    """Writes a checkpoint every `save_every` steps and at the end; put it after validation and journal.

    The main process writes; the others give it the states of their streams.
    """

    runs_everywhere = True

    def __init__(
        self, folder: Path, tokenizer: Tokenizer, then: str = RESUME, preset: str | None = None
    ) -> None:
        self.folder, self.tokenizer, self.then, self.preset = folder, tokenizer, then, preset
        self._saved_at = 0

    def on_start(self, training: "Trainer") -> None:
        self._saved_at = training.step
        if training.accelerator.is_main_process:
            self._begin(training)

    def _begin(self, training: "Trainer") -> None:
        with guard_write(f"`{self.folder}`", self.folder, then=self.then):
            self.folder.mkdir(parents=True, exist_ok=True)
            tidy(self.folder, training.config.keep)
        newest = [path.name for path in step_folders(self.folder)[-1:]]
        if newest > [step_name(training.step)]:
            message = f"`{self.folder}` holds `{newest[0]}`, newer than step {training.step} to start from"
            raise SynthError(message, "resume from the newest checkpoint, or start a new run")

    def on_step(self, training: "Trainer", step: Step) -> None:
        if step.step % training.config.save_every == 0:
            self.save(training)

    def on_end(self, training: "Trainer") -> None:
        if training.step != self._saved_at:
            self.save(training)

    def save(self, training: "Trainer") -> None:
        """Write the checkpoint of the current step, then forget old ones; every process has to call it."""
        states = recurrent_state.gather_states(training)
        self._saved_at = training.step
        if training.accelerator.is_main_process:
            self._write(training, states)

    def _write(self, training: "Trainer", states: dict[str, Tensor]) -> None:
        path = self.folder / step_name(training.step)
        needs = count_tensor_bytes(weights_of(training.model)) + count_tensor_bytes(state.moments(training))
        with guard_write(f"checkpoint `{path}`", path, then=self.then, needs=needs):
            training.announce("before_save")
            with atomic_files.new_folder(path) as folder:
                write_checkpoint_files(folder, training, self.tokenizer, states, self.preset)
            tidy(self.folder, training.config.keep)
        training.announce("on_save", path)


def write_model(
    folder: Path,
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    tokenizer: Tokenizer | None,
    step: int = 0,
    files: Mapping[str, str] | None = None,
    elsewhere: str = "",
) -> None:
    """Write the new folder of a checkpoint that no training goes on from; every other command takes it.

    `weights` fit the model of `config`; a tied tensor may have any of its names. Without a tokenizer, what
    needs text refuses the checkpoint. `files` are texts to keep in it, by name. It gets its name after it was
    opened as other commands open it: what they would refuse is never written.
    """
    with torch.device("meta"), Uninitialised():
        own = own_weights(build(config), weights, f"checkpoint `{folder}`")
    needs = count_tensor_bytes(own)
    with (
        guard_write(f"checkpoint `{folder}`", folder, elsewhere, needs=needs),
        atomic_files.new_folder(folder) as new,
    ):
        _write_config(new, config)
        atomic_files.save_tensors(new / WEIGHTS, own, {"format": "pt"})
        if tokenizer is not None:
            tokenizer.save(new)
        for name, text in (files or {}).items():
            (new / name).write_text(text, encoding="utf-8")
        write_manifest(new, step, None)
        _read_back(new, folder, tokenizer)


def _read_back(new: Path, folder: Path, tokenizer: Tokenizer | None) -> None:
    """Open what is about to be a checkpoint: every file, the tensors' names and shapes, and the tokenizer."""
    try:
        checkpoint = load_checkpoint(new)
        check_fit(checkpoint.config, checkpoint.weights, f"checkpoint `{folder}`")
        if tokenizer is not None and not _is_same(checkpoint.tokenizer, tokenizer):
            raise SynthError("its tokenizer is not the one that was to be kept")
    except SynthError as error:
        message = f"checkpoint `{folder}` could not be opened once it was written: {error.message}"
        raise SynthError(message, "nothing was kept: report it with the files it was made of") from error


def _is_same(one: Tokenizer, other: Tokenizer) -> bool:
    return (one.hash, one.vocab_size) == (other.hash, other.vocab_size)


def count_tensor_bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _write_config(folder: Path, config: ModelConfig) -> None:
    (folder / CONFIG).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_checkpoint_files(
    folder: Path,
    training: "Trainer",
    tokenizer: Tokenizer,
    states: dict[str, Tensor],
    preset: str | None = None,
) -> None:
    """Fill the folder of a checkpoint; `states` are those of streams, `preset` the hash of the settings."""
    _write_config(folder, get_config(training.model))
    weights = {name: tensor.contiguous() for name, tensor in weights_of(training.model).items()}
    atomic_files.save_tensors(folder / WEIGHTS, weights, {"format": "pt"})
    tokenizer.save(folder)
    state.save_optimizer(training, folder / TRAINING, preset)
    recurrent_state.save_streams(states, folder / TRAINING)
    evaluation = training.evaluation
    is_current = evaluation is not None and evaluation.step == training.step
    write_manifest(folder, training.step, evaluation.loss if evaluation and is_current else None)


def tidy(folder: Path, keep: int) -> None:
    """Remove what a kill left, point `last` and `best`, keep the newest and the best."""
    atomic_files.remove_unfinished(folder)
    for copy in (folder / LAST, folder / BEST):
        if is_copy(copy):
            give_step_name(copy)
    steps = step_folders(folder)
    best = best_step(steps)
    for name, path in ((LAST, steps[-1] if steps else None), (BEST, best)):
        if path is not None and not points_to(folder / name, path):
            atomic_files.link(folder / name, path.name)
    for path in steps[:-keep]:
        if path != best:
            atomic_files.remove_folder(path)


def best_step(steps: Sequence[Path]) -> Path | None:
    """Return the checkpoint with the least validation loss, if any was evaluated."""
    losses = {
        path: loss for path in steps if (loss := read_checkpoint_manifest(path).validation_loss) is not None
    }
    return min(losses, key=losses.__getitem__, default=None)


def give_step_name(copy: Path) -> None:
    """Give a folder that stands where a link belongs the name of its step, unless that is there too."""
    path = copy.with_name(step_name(read_checkpoint_manifest(copy).step))
    if path.exists():
        atomic_files.remove_folder(copy)
    else:
        copy.rename(path)


def points_to(name: Path, path: Path) -> bool:
    return atomic_files.follow_link(name) == path
