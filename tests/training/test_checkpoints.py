"""Checkpoints: written whole, kept by rule, refused where they are damaged, resumed exactly."""

import errno
import json
import shutil
from pathlib import Path

import pytest
import torch

from synthcli import disk
from synthcli.errors import SynthError, WorkFailedError
from synthcli.training import checkpoints, metrics_log
from synthcli.training.checkpoints import load_checkpoint, model_of, newest_checkpoint
from synthcli.training.manifest import write_manifest
from synthcli.training.trainer import Callback
from synthcli.training.weights import weights_of
from tests.training.toys import toy_callbacks, toy_config, toy_model, toy_train

DAMAGED = "it is damaged: delete it and use another checkpoint of the run"


class StopAt(Callback):
    """Ends a training as if by Ctrl-C."""

    def __init__(self, step: int) -> None:
        self.last_step = step

    def on_step(self, training, step) -> None:
        training.is_interrupted = step.step == self.last_step


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything that must not depend on interruptions, by name."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    found.pop("timings.jsonl")
    return found


def same(files: dict[str, bytes], but: set[str]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if but.isdisjoint(Path(name).parts)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The folder of a training never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    toy_train(toy_model(), toy_config(), callbacks=toy_callbacks(folder))
    return folder


@pytest.fixture
def saved(whole: Path, tmp_path: Path) -> Path:
    """A copy of its last checkpoint, to be damaged."""
    return Path(shutil.copytree(whole / "checkpoints" / "step-00000012", tmp_path / "step-00000012"))


def test_a_checkpoint_holds_what_its_layout_says(whole: Path) -> None:
    last = whole / "checkpoints" / "last"
    assert last.readlink() == Path("step-00000012")
    assert sorted(str(path.relative_to(last)) for path in last.rglob("*")) == [
        "config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.synth.json",
        "training",
        "training/optimizer.safetensors",
        "training/state.json",
    ]


@pytest.mark.parametrize("place", [".", "checkpoints", "checkpoints/last", "checkpoints/step-00000012"])
def test_a_checkpoint_is_found_from_its_run_its_folder_and_itself(whole: Path, place: str) -> None:
    checkpoint = load_checkpoint(whole / place)
    assert (checkpoint.step, checkpoint.path.name) == (12, "step-00000012")
    assert checkpoint.config == toy_model().config
    records = [json.loads(line) for line in (whole / "journal.jsonl").read_text().splitlines()]
    assert checkpoint.validation_loss == records[-1]["validation_loss"]


def test_a_tied_matrix_is_saved_once_and_stays_tied(whole: Path) -> None:
    checkpoint = load_checkpoint(whole)
    assert sum(tensor.shape[0] == 260 for tensor in checkpoint.weights.values()) == 1
    model = model_of(checkpoint)
    assert model.head.weight is model.embeddings.tokens.weight
    assert not model.training


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4, 5, 11])
def test_a_resumed_training_is_bit_identical_to_one_never_interrupted(whole, tmp_path, step: int) -> None:
    first = toy_train(toy_model(), toy_config(), callbacks=[*toy_callbacks(tmp_path), StopAt(step)])
    assert (first.step, first.is_interrupted) == (step, True)
    resumed = newest_checkpoint(tmp_path / "checkpoints")
    last = toy_train(toy_model(seed=9), toy_config(), callbacks=toy_callbacks(tmp_path), resume=resumed)
    assert (last.step, last.is_interrupted) == (12, False)
    ours = {f"step-{step:08d}", "step-00000008"}  # the interrupt's own checkpoint may take another's place
    assert same(files_of(whole), ours) == same(files_of(tmp_path), ours)


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.5, 4.0])

    class Evaluates(Callback):
        def on_step(self, training, step) -> None:
            from synthcli.training.events import Evaluation

            training.evaluation = Evaluation(step.step, next(losses), 1)

    callbacks = [Evaluates(), toy_callbacks(tmp_path)[-1]]
    toy_train(toy_model(), toy_config(steps=5, save_every=1, keep=2), callbacks=callbacks)
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [
        "best",
        "last",
        "step-00000002",
        "step-00000004",
        "step-00000005",
    ]
    assert load_checkpoint(folder / "best").step == 2
    assert load_checkpoint(folder / "last").step == 5


def test_what_a_kill_left_is_put_right_at_the_next_start(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    toy_train(toy_model(), toy_config(), callbacks=[*toy_callbacks(tmp_path), StopAt(4)])
    shutil.copytree(whole / "checkpoints" / "step-00000008", folder / "step-00000008")  # `last` did not move
    shutil.copytree(whole / "checkpoints" / "step-00000012", folder / ".unfinished-step-00000012")
    (folder / ".unfinished-step-00000012" / "manifest.json").unlink()
    (folder / ".unfinished-last").symlink_to("step-00000008")
    shutil.copy(whole / "journal.jsonl", tmp_path / "journal.jsonl")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"step": 12, "lo')
    resumed = newest_checkpoint(folder)
    assert resumed.step == load_checkpoint(tmp_path).step == 8
    toy_train(toy_model(), toy_config(), callbacks=toy_callbacks(tmp_path), resume=resumed)
    assert files_of(tmp_path) == files_of(whole)


def test_starting_before_checkpoints_that_are_there_is_refused(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "checkpoints", tmp_path / "checkpoints", symlinks=True)
    before = files_of(whole)
    with pytest.raises(SynthError) as caught:
        toy_train(toy_model(), toy_config(), callbacks=toy_callbacks(tmp_path)[-1:])
    folder = tmp_path / "checkpoints"
    assert str(caught.value) == (
        f"`{folder}` holds `step-00000012`, newer than step 0 to start from\n"
        "hint: resume from the newest checkpoint, or start a new run"
    )
    assert files_of(whole) == before


@pytest.mark.parametrize(
    ("damage", "message", "hint"),
    [
        (lambda p: p.unlink(), "`model.safetensors` of checkpoint `{folder}` is missing", DAMAGED),
        (
            lambda p: p.write_bytes(p.read_bytes()[:100]),
            "`model.safetensors` of checkpoint `{folder}` has 100 bytes, its manifest says {size}",
            DAMAGED,
        ),
        (
            lambda p: p.write_bytes(p.read_bytes()[:-1] + b"!"),
            "the sha256 of `model.safetensors` of checkpoint `{folder}` is not that of its manifest",
            DAMAGED,
        ),
        (
            lambda p: (p.parent / "manifest.json").unlink(),
            "`{folder}` is not a checkpoint: it has no `manifest.json`",
            "name a run, its `checkpoints` folder or a `step-…` folder in it",
        ),
        (
            lambda p: (p.parent / "manifest.json").write_text('{"format": 1, "st'),
            "`{folder}/manifest.json` is not a manifest",
            DAMAGED,
        ),
        (
            lambda p: (p.parent / "manifest.json").write_text('{"format": 7}'),
            "checkpoint `{folder}` has the format 7, known is 1",
            "use the version of `synth` that wrote it, or a newer one",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused(saved: Path, damage, message: str, hint: str) -> None:
    size = (saved / "model.safetensors").stat().st_size
    damage(saved / "model.safetensors")
    with pytest.raises(SynthError) as caught:
        load_checkpoint(saved)
    assert (caught.value.message, caught.value.hint) == (message.format(folder=saved, size=size), hint)


def test_damaged_moments_are_refused_on_resume_alone(saved: Path) -> None:
    path = saved / "training" / "optimizer.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    checkpoint = load_checkpoint(saved)
    with pytest.raises(SynthError) as caught:
        toy_train(toy_model(), toy_config(), resume=checkpoint)
    assert caught.value.message == (
        f"the sha256 of `training/optimizer.safetensors` of checkpoint `{saved}` is not that of its manifest"
    )


def test_another_model_does_not_take_the_weights(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    with pytest.raises(SynthError) as caught:
        toy_train(toy_model(mixer={"heads": 2}), toy_config(), resume=checkpoint)
    assert caught.value.message.startswith(f"checkpoint `{saved}` lacks `decoder.")
    with pytest.raises(SynthError) as caught:
        toy_train(toy_model(vocab_size=300), toy_config(), resume=checkpoint)
    assert caught.value.message == (
        f"`embeddings.tokens.weight` of checkpoint `{saved}` has the shape (260, 8), the model's is (300, 8)"
    )


def test_places_without_a_checkpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as caught:
        load_checkpoint(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"there is no checkpoint at `{tmp_path / 'nowhere'}`\nhint: `synth train PRESET` makes a run with one"
    )
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(SynthError) as caught:
        load_checkpoint(tmp_path)
    assert str(caught.value) == (
        f"`{tmp_path}` holds no checkpoint yet\n"
        "hint: `synth train … --resume` continues the run to its first checkpoint"
    )


def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch) -> None:
    write = checkpoints.state.save_optimizer

    def fill(training, folder, preset) -> None:
        if training.step == 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(training, folder, preset)

    monkeypatch.setattr(checkpoints.state, "save_optimizer", fill)
    monkeypatch.setattr(disk, "free", lambda folder: 7)
    with pytest.raises(WorkFailedError) as caught:
        toy_train(toy_model(), toy_config(), callbacks=toy_callbacks(tmp_path))
    folder = tmp_path / "checkpoints"
    sizes = [parameter.numel() for parameter in toy_model().parameters()]
    needed = sum(
        4 * (3 * size + 1) for size in sizes
    )  # in float32: weights, two moments, and a step for each
    assert str(caught.value) == (
        f"checkpoint `{folder / 'step-00000008'}` could not be written: "
        f"the disk of `{folder}` is full, 7 bytes free, {needed / 1024:.1f} KiB needed\n"
        "hint: free space there, then `synth train … --resume`: the checkpoints before it are whole"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["best", "last", "step-00000004"]
    assert load_checkpoint(folder).step == 4


def test_a_full_disk_is_named_by_the_journal_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(disk, "free", lambda folder: 7)
    monkeypatch.setattr(Path, "open", lambda *_, **__: open("/dev/full", "wb", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(WorkFailedError) as caught:
        metrics_log.append_record(tmp_path / "journal.jsonl", {"step": 1})
    assert caught.value.message == (
        f"`{tmp_path / 'journal.jsonl'}` could not be written: the disk of `{tmp_path}` is full, 7 bytes free"
    )


def test_loading_leaves_the_random_numbers_alone(whole: Path) -> None:
    checkpoint = load_checkpoint(whole)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    loaded = model_of(checkpoint)
    assert torch.equal(torch.rand(2), expected)
    trained = toy_model()
    toy_train(trained, toy_config())
    torch.testing.assert_close(weights_of(loaded), weights_of(trained), rtol=0, atol=0)


def certified(folder: Path, step: int) -> None:
    """List what is there now as if it were right, so that more than the manifest has to notice."""
    (folder / "manifest.json").unlink()
    write_manifest(folder, step, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", b"{}"),
        ("state.json", b"[" * 100_000),
        ("optimizer.safetensors", b"\xff" * 64),
        ("optimizer.safetensors", b""),
        ("carried.safetensors", b"\x80\x04."),
    ],
)
def test_a_state_that_matches_its_manifest_and_is_none(saved: Path, name: str, content: bytes) -> None:
    (saved / "training" / name).write_bytes(content)
    certified(saved, 12)
    with pytest.raises(SynthError) as error:
        toy_train(toy_model(), toy_config(), resume=load_checkpoint(saved))
    assert error.value.exit_code == 2 and str(saved / "training") in error.value.message


def test_a_step_beyond_the_training(saved: Path) -> None:
    certified(saved, 10**18)
    with pytest.raises(SynthError) as error:
        toy_train(toy_model(), toy_config(), resume=load_checkpoint(saved))
    assert error.value.message == (
        f"checkpoint `{saved}` is of step 1,000,000,000,000,000,000, the training has 12"
    )
