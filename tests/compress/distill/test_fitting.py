"""Students fitted on cached activations."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.assemble import new_block, new_mixer
from synthcli.compress.config import FitConfig
from synthcli.compress.distill.criteria import CRITERIA, Given, criterion
from synthcli.compress.distill.fitting import BlockAsMixer, NotLearntError, fit
from synthcli.compress.fidelity.nmse import nmse
from synthcli.compress.teacher import Teacher
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig, NoneConfig
from tests.compress.small import HEADS, recorded

SOURCE, TARGET = HookPoint("encoder", 1, "mixer-in"), HookPoint("encoder", 1, "mixer-out")
QUICK = FitConfig(steps=30, batch_size=8, learning_rate=1e-2, evaluations=3)


@pytest.fixture
def caches(tmp_path: Path, bert: Teacher, store: Store) -> tuple[ActivationCache, ActivationCache]:
    """Activations of a text, and of another."""
    points = ("encoder.1.mixer-in", "encoder.1.mixer-out", "encoder.1.layer-in", "encoder.1.layer-out")
    texts = (Calibration(store, split, bert, max_length=19, limit=40) for split in ("train", "validation"))
    train, other = (recorded(tmp_path / text.split, bert, text, *points) for text in texts)
    return train, other


def given(bert: Teacher, **more: Any) -> Given:
    return Given(bert.model.encoder.blocks[1].mixer, **more)  # type: ignore[union-attr, index]


def fitted(
    student: nn.Module, name: str, caches: Any, bert: Teacher, settings: FitConfig = QUICK, **more: Any
) -> Any:
    made = criterion(name, given(bert, variance=5.0, **more), student)
    return fit(student, caches[0], SOURCE, TARGET, made, settings, caches[1])


def test_a_student_learns_and_says_how_far(caches: Any, bert: Teacher) -> None:
    config = AttentionConfig(heads=HEADS, d_head=6, dropout=0.5)
    student = new_mixer(bert.config, 1, config, "encoder").eval()
    untrained = nmse(student, caches[1], SOURCE, TARGET)
    said: list[tuple[int, int, float]] = []
    made = criterion("mse", given(bert, variance=5.0), student)
    found = fit(student, caches[0], SOURCE, TARGET, made, QUICK, caches[1], lambda *what: said.append(what))
    assert found.nmse_before == pytest.approx(untrained)
    assert found.nmse_after < 0.8 * found.nmse_before
    assert found.nmse_after == pytest.approx(nmse(student, caches[1], SOURCE, TARGET))
    assert [step for step, _ in found.curve] == [0, 10, 20, 30]
    assert said == [(step, 30, value) for step, value in found.curve]
    assert found.nmse_after == min(value for _, value in found.curve)
    assert found.steps == 30 and found.kept in (10, 20, 30) and found.seconds > 0


def test_a_fit_is_a_function_of_its_seed(caches: Any, bert: Teacher) -> None:
    students = [new_mixer(bert.config, 1, LinearConfig(), "encoder") for _ in range(3)]
    for student, seed in zip(students, (0, 0, 1), strict=True):
        fitted(student, "mse", caches, bert, FitConfig(steps=5, batch_size=8, seed=seed, evaluations=1))
    first, again, other = (student.output.weight for student in students)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_weights_that_training_only_worsens_are_put_back(caches: Any, bert: Teacher) -> None:
    own = bert.model.encoder.blocks[1].mixer  # type: ignore[union-attr, index]
    student = new_mixer(bert.config, 1, own.config, "encoder")
    student.load_state_dict(own.state_dict())
    found = fitted(student, "cosine", caches, bert)
    assert found.kept == 30  # no error of y: nothing says which is better
    student.load_state_dict(own.state_dict())
    found = fitted(student, "mse", caches, bert, FitConfig(steps=4, learning_rate=1.0, evaluations=2))
    assert found.kept == 0 and found.nmse_after == found.nmse_before < 1e-5
    assert all(torch.equal(ours, own.state_dict()[name]) for name, ours in student.state_dict().items())


def test_attention_drops_in_training_alone(caches: Any, bert: Teacher) -> None:
    config = AttentionConfig(heads=HEADS, d_head=5, dropout=0.1)
    students = [new_mixer(bert.config, 1, config, "encoder", seed=3) for _ in range(3)]
    rates: list[float] = []
    students[0].register_forward_pre_hook(
        lambda part, given: rates.append(part.config.dropout if part.training else 0.0)
    )
    for student, rate in zip(students, (0.4, 0.4, 0.0), strict=True):
        found = fitted(student, "mse", caches, bert, QUICK.model_copy(update={"dropout": rate}))
        assert not student.training and student.config == config
    assert rates.count(0.4) == QUICK.steps and {*rates} == {0.0, 0.4}  # NMSE is measured without
    first, again, other = (student.output.weight for student in students)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert found.nmse_after < 1
    with pytest.raises(SynthError) as error:
        linear = new_mixer(bert.config, 1, LinearConfig(), "encoder")
        fitted(linear, "mse", caches, bert, QUICK.model_copy(update={"dropout": 0.4}))
    assert error.value.message == "`--dropout 0.4` is that of maps of attention, and the student has none"


def test_options_reach_the_optimizer_and_the_schedule() -> None:
    asked = FitConfig(steps=50, warmup=0.2, weight_decay=0.3, betas=(0.8, 0.95)).training()
    assert (asked.optimizer.weight_decay, asked.optimizer.betas) == (0.3, (0.8, 0.95))
    assert asked.schedule.warmup_steps == 10  # type: ignore[union-attr]
    plain = FitConfig(steps=50).training()
    assert (plain.optimizer.weight_decay, plain.optimizer.betas) == (0.0, (0.9, 0.999))


def test_no_steps_measure_alone(caches: Any, bert: Teacher) -> None:
    student = new_mixer(bert.config, 1, LinearConfig(), "encoder")
    found = fitted(student, "mse", caches, bert, FitConfig(steps=0))
    assert found.steps == 0 and found.nmse_after == found.nmse_before and len(found.curve) == 1


def test_a_student_that_collapsed_to_the_mean_is_refused(caches: Any, bert: Teacher) -> None:
    student = new_mixer(bert.config, 1, NoneConfig(), "encoder")
    settings = FitConfig(steps=40, learning_rate=1e-2, evaluations=4, patience=20)
    with pytest.raises(NotLearntError) as error:
        fitted(student, "mse", caches, bert, settings)
    assert "the student of encoder.1.mixer-out does not learn: NMSE" in error.value.message
    assert "after 20 steps, allowed below 0.98 after 20; 1.0 is the mean" in error.value.message


def test_a_student_that_is_not_finite_is_refused(caches: Any, bert: Teacher) -> None:
    student = new_mixer(bert.config, 1, LinearConfig(), "encoder")
    nn.init.constant_(student.output.weight, 1e30)
    with pytest.raises(NotLearntError, match=r"the student of encoder.1.mixer-out: the loss is"):
        fitted(student, "mse", caches, bert)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CRITERIA if name != "kl-output"])
def test_every_criterion_falls(caches: Any, bert: Teacher, name: str) -> None:
    student = new_mixer(bert.config, 1, AttentionConfig(heads=HEADS, d_head=5), "encoder")
    made = criterion(name, given(bert, variance=5.0), student)
    losses: list[float] = []

    def loss(*what: Any) -> torch.Tensor:
        value = made.loss(*what)
        padding = what[3].key_padding
        losses.append(value.item() / (what[1][..., 0].numel() if padding is None else (~padding).sum()))
        return value

    watched = type(made)(name, loss, made.fits_output, made.is_error, made.of_layer)
    fit(student, caches[0], SOURCE, TARGET, watched, QUICK, caches[1])
    floor = 0.98 if name == "ce-logits" else 0.9  # the entropy of the target is left
    assert sum(losses[-5:]) < floor * sum(losses[:5])


def test_a_layer_is_fitted_to_the_words_of_the_teacher(caches: Any, bert: Teacher) -> None:
    model: Any = bert.model
    block = new_block(bert.config, 1, AttentionConfig(heads=HEADS, d_head=6), None, "encoder")

    def rest(stream: torch.Tensor, context: Any) -> torch.Tensor:
        return model.head(model.encoder.blocks[2](stream, context, None, None)[0])  # type: ignore[no-any-return]

    made = criterion("kl-output", given(bert, rest=rest), block.mixer)
    points = (HookPoint("encoder", 1, "layer-in"), HookPoint("encoder", 1, "layer-out"))
    found = fit(BlockAsMixer(block), caches[0], *points, made, QUICK, caches[1])
    assert found.nmse_after < 0.7 * found.nmse_before
