"""The loop: what a step is, what it must not depend on, what it refuses."""

import os
import signal

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from synthcli.data.config import BatchConfig
from synthcli.data.examples.batches import Batches
from synthcli.errors import SynthError, WorkFailedError
from synthcli.objectives import IGNORED
from synthcli.training.checkpoints import load_checkpoint
from synthcli.training.trainer import Callback
from synthcli.training.validation import Validation
from synthcli.training.weights import weights_of
from tests.training.toys import (
    HiddenText,
    ToyText,
    toy_batch,
    toy_callbacks,
    toy_config,
    toy_model,
    toy_train,
)


class Gradients(Callback):
    """Keeps the gradient of every step by looking at it before the optimizer does."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def on_start(self, training) -> None:
        training.optimizer.register_step_pre_hook(lambda *_: self.note(training))

    def note(self, training) -> None:
        self.seen.append({name: p.grad.clone() for name, p in training.model.named_parameters()})


class Steps(Callback):
    def __init__(self) -> None:
        self.seen = []

    def on_step(self, training, step) -> None:
        self.seen.append(step)


def full_batch_gradient(model, examples, rows, label_smoothing) -> dict[str, torch.Tensor]:
    """The mean loss over all targets at once, by torch's own formula."""
    batch = examples.collate(rows)
    logits, _ = model(batch["tokens"], padding=batch["padding"])
    loss = F.cross_entropy(
        logits.flatten(0, 1),
        batch["targets"].flatten(),
        label_smoothing=label_smoothing,
        ignore_index=IGNORED,
    )
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("micro_size", [1, 2, 3, 7, None])
def test_the_gradient_is_that_of_the_whole_batch_however_it_is_split(micro_size: int | None) -> None:
    examples, config = HiddenText(), toy_config(steps=1, clip=0)  # what is hidden is no matter of batches
    gradients, batch = Gradients(), toy_batch(micro_size=micro_size)
    toy_train(toy_model(dropout=0.0).double(), config, examples=examples, callbacks=[gradients], batch=batch)
    _, rows = Batches(examples.lengths, toy_batch(), config.seed).at(0)
    expected = full_batch_gradient(toy_model(dropout=0.0).double(), examples, rows, 0.1)
    torch.testing.assert_close(gradients.seen[0], expected, rtol=1e-9, atol=1e-12)


def test_what_is_hidden_differs_between_epochs_and_seeds_and_is_the_same_in_every_validation() -> None:
    drawn: list[tuple[int, list[int]]] = []

    class Watched(HiddenText):
        def collate(self, indices, seed, epochs):
            drawn.append((seed, np.broadcast_to(epochs, len(indices)).tolist()))
            return super().collate(indices, seed, epochs)

    validation = Watched(rows=2)
    config, batch = toy_config(steps=4, seed=9, evaluate_every=2), toy_batch(size=2, micro_size=1)
    toy_train(toy_model(), config, examples=Watched(rows=4), callbacks=[Validation(validation)], batch=batch)
    first, second, evaluated = [(9, [0])] * 4, [(9, [1])] * 4, [(9, [0, 0])]
    assert drawn == [*first, *evaluated, *second, *evaluated]


def test_a_step_that_ends_an_epoch_and_begins_the_next_draws_for_both() -> None:
    drawn: list[list[int]] = []

    class Watched(HiddenText):
        def collate(self, indices, seed, epochs):
            drawn.append(epochs.tolist())
            return super().collate(indices, seed, epochs)

    batch = BatchConfig.model_validate({"size": 4, "ramp": {"from": 2, "until": 0.5}})
    toy_train(toy_model(), toy_config(steps=4), examples=Watched(rows=7), batch=batch)
    assert drawn == [[0, 0], [0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]


def test_the_gradient_is_clipped_to_the_norm() -> None:
    gradients, steps = Gradients(), Steps()
    toy_train(toy_model(), toy_config(steps=3, clip=0.01), callbacks=[gradients, steps])
    for gradient, step in zip(gradients.seen, steps.seen, strict=True):
        assert step.grad_norm > 0.01
        norm = torch.stack([g.norm() for g in gradient.values()]).norm()
        torch.testing.assert_close(norm, torch.tensor(0.01), rtol=1e-3, atol=0)


@pytest.mark.slow
def test_a_training_learns_and_reports_every_step() -> None:
    steps = Steps()
    config = toy_config(steps=60, label_smoothing=0.0, schedule={"kind": "constant", "peak": 0.03})
    outcome = toy_train(toy_model(dropout=0.0), config, callbacks=[steps])
    assert [step.step for step in steps.seen] == list(range(1, 61))
    assert [step.epoch for step in steps.seen[:7]] == [0, 0, 0, 0, 0, 0, 1]
    assert outcome.last == steps.seen[-1]
    assert outcome.last.loss < 0.5 * steps.seen[0].loss
    assert (outcome.step, outcome.steps, outcome.precision, outcome.is_interrupted) == (60, 60, "fp32", False)


def test_epochs_count_the_short_last_batch() -> None:
    outcome = toy_train(toy_model(), toy_config(steps=None, epochs=2))
    assert outcome.steps == 2 * 6


def test_the_same_seed_trains_the_same_weights_and_another_does_not() -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        model = toy_model()
        toy_train(model, toy_config(steps=3, seed=seed))
        return weights_of(model)

    first, again, other = trained(5), trained(5), trained(6)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_validation_disturbs_nothing() -> None:
    plain, watched = toy_model(), toy_model()
    toy_train(plain, toy_config())
    validation = Validation(ToyText(rows=9))
    toy_train(watched, toy_config(evaluate_every=1), callbacks=[validation])
    assert watched.training
    torch.testing.assert_close(weights_of(plain), weights_of(watched), rtol=0, atol=0)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_the_validation_loss_is_a_mean_over_targets_without_smoothing(batch_size: int) -> None:
    model, examples = toy_model(), ToyText(rows=9, offset=3)
    validation = Validation(examples, batch_size)
    outcome = toy_train(model, toy_config(steps=2), callbacks=[validation])
    batch = examples.collate(torch.arange(9).numpy())
    with torch.no_grad():
        logits, _ = model.eval()(batch["tokens"], padding=batch["padding"])
    expected = F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())
    assert outcome.evaluation.loss == pytest.approx(expected.item(), rel=1e-5)
    assert outcome.evaluation.targets == int((batch["targets"] != IGNORED).sum())


def test_fewer_validation_examples_are_spread_over_the_split() -> None:
    taken: list[int] = []

    class Watched(ToyText):
        def collate(self, indices, *drawing):
            taken.extend(indices.tolist())
            return super().collate(indices, *drawing)

    config = toy_config(steps=1, validation_examples=3)
    toy_train(toy_model(), config, callbacks=[Validation(Watched(rows=9))])
    assert sorted(taken) == [0, 3, 6]


@pytest.mark.parametrize(("what", "value"), [("loss", "nan"), ("gradient's norm", "inf")])
def test_a_loss_that_is_not_finite_ends_the_training_before_the_weights_are_lost(what, value) -> None:
    model = toy_model()

    class Spoil(Callback):
        def on_step(self, training, step) -> None:
            if step.step == 2 and what == "loss":
                next(model.parameters()).data[:] = float("nan")
            elif step.step == 2:
                next(model.parameters()).register_hook(lambda g: torch.full_like(g, float("inf")))

    with pytest.raises(WorkFailedError) as caught:
        toy_train(model, toy_config(), callbacks=[Spoil()])
    assert caught.value.message == f"the {what} is {value} at step 3"
    assert caught.value.hint == (
        "lower the rate of `training.schedule`, lengthen its `warmup_steps`, lower `training.clip` or "
        "set `training.precision=fp32`; earlier checkpoints are whole"
    )


def test_bf16_trains_close_to_fp32_and_keeps_weights_in_float32() -> None:
    steps = {}
    for precision in ("fp32", "bf16"):
        listener, model = Steps(), toy_model(dropout=0.0)
        toy_train(model, toy_config(precision=precision), callbacks=[listener])
        steps[precision] = [step.loss for step in listener.seen]
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert steps["bf16"] == pytest.approx(steps["fp32"], rel=0.02)
    assert steps["bf16"] != steps["fp32"]


def test_fp16_without_cuda_is_refused() -> None:
    with pytest.raises(SynthError) as caught:
        toy_train(toy_model(), toy_config(precision="fp16"))
    assert caught.value.message == (
        "`training.precision` = `fp16` needs a CUDA device, this training runs on `cpu`"
    )
    assert caught.value.hint == ("set `training.precision=auto`: bf16 where the processor has it, else fp32")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_after_the_step_and_saves(tmp_path, number: int) -> None:
    class Signal(Callback):
        def on_step(self, training, step) -> None:
            if step.step == 5:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    outcome = toy_train(toy_model(), toy_config(), callbacks=[Signal(), *toy_callbacks(tmp_path)])
    assert outcome.is_interrupted
    assert outcome.step == load_checkpoint(tmp_path / "checkpoints").step == 6
    assert signal.getsignal(number) == before


def test_a_validation_loss_that_is_no_number_ends_the_training() -> None:
    class Spoils(Callback):
        """Loses the weights after the last step, of which no loss of a batch can tell."""

        def on_step(self, training, step) -> None:
            if step.step == training.steps:
                next(training.model.parameters()).data.fill_(torch.nan)

    callbacks = [Spoils(), Validation(HiddenText(rows=2))]
    with pytest.raises(WorkFailedError, match="the validation loss is nan at step 3"):
        toy_train(toy_model(), toy_config(steps=3), callbacks=callbacks)
