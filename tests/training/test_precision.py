"""What `auto` means, and that float16's scaler skips what overflows."""

import pytest
import torch

from synthcli.errors import WorkFailedError
from synthcli.training import precision
from synthcli.training.trainer import Callback
from tests.training.toys import toy_config, toy_model, toy_train

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has_it", "name", "description"),
    [
        (True, "bf16", "bf16, which this processor has"),
        (False, "fp32", "fp32, since this processor has no bf16"),
    ],
)
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, has_it, name, description) -> None:
    monkeypatch.setattr(precision, "processor_has_bf16", lambda: has_it)
    assert precision.choose_precision("auto", CPU) == precision.Precision(name, description)


def test_what_is_asked_for_is_taken() -> None:
    assert precision.choose_precision("fp32", CPU).description == "fp32, as asked"
    assert precision.choose_precision("bf16", CPU).dtype == torch.bfloat16


class Scaled(Callback):
    """Turns on the scaler of float16, which works the same on a processor, and spoils one gradient."""

    def __init__(self, overflows_from: int, overflows_to: int) -> None:
        self.overflows = range(overflows_from, overflows_to)
        self.skipped, self.weights = [], []

    def on_start(self, training) -> None:
        training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
        parameter = next(training.model.parameters())
        parameter.register_hook(lambda g: g * float("inf") if training.step in self.overflows else g)

    def on_step(self, training, step) -> None:
        self.weights.append(next(training.model.parameters()).detach().clone())
        if step.is_skipped:
            self.skipped.append(step.step)


def test_a_step_whose_scaled_gradient_overflows_is_skipped() -> None:
    scaled = Scaled(3, 5)
    toy_train(toy_model(), toy_config(steps=7), callbacks=[scaled])
    assert scaled.skipped == [3, 4]
    unchanged = [torch.equal(scaled.weights[i], scaled.weights[i + 1]) for i in range(5)]
    assert unchanged == [False, True, True, False, False]


def test_scaling_changes_nothing_but_rounding() -> None:
    plain, scaled = toy_model(), toy_model()
    toy_train(plain, toy_config())
    toy_train(scaled, toy_config(), callbacks=[Scaled(0, 0)])
    torch.testing.assert_close(scaled.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-5)


def test_gradients_that_overflow_at_every_scale_end_the_training() -> None:
    with pytest.raises(WorkFailedError) as caught:
        toy_train(toy_model(), toy_config(steps=100), callbacks=[Scaled(1, 101)])
    assert caught.value.message == "the gradient's norm is nan at step 27"
