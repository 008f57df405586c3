"""Blocks distilled: starts, trials, conditions, and every kind of student."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from synthcli.cli import distill_block as cli
from synthcli.compress import option_values
from synthcli.compress.activations.cache import ActivationCache, build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import capture_model, logits_of
from synthcli.compress.activations.hook_points import HookPoint, hook_points_of, main_stack
from synthcli.compress.config import DistillConfig
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer
from synthcli.compress.distill.criteria import CRITERIA
from synthcli.compress.distill.distill_block import distill_layer
from synthcli.compress.distill.distill_blocks import distill_blocks
from synthcli.compress.distill.student_inputs import PARTS, record_inputs
from synthcli.compress.distill.students import STUDENTS, StudentSpec, student_config
from synthcli.compress.fidelity.nmse import nmse
from synthcli.compress.fidelity.outputs import measure_fidelity
from synthcli.compress.merge import MERGES
from synthcli.compress.teacher import Teacher
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from tests.compress.small import HEADS, LAYERS, WIDTH, bert_config, small_teacher

pytestmark = pytest.mark.slow

STEPS = 12


def quick(**more: Any) -> DistillConfig:
    """Return settings of a training of a moment."""
    own = {"steps": STEPS, "batch_size": 16, "learning_rate": 3e-3, "evaluations": 2}
    return DistillConfig(**(own | more))


Texts = tuple[Calibration, Calibration]


@pytest.fixture
def texts(store: Store, bert: Teacher) -> Texts:
    return (
        Calibration(store, "train", bert, max_length=19, limit=60),
        Calibration(store, "validation", bert, max_length=19, limit=30),
    )


def pre_norm(texts: Texts, teacher: Teacher) -> Texts:
    """The texts as another teacher reads them."""
    train, held_out = (
        Calibration(text.store, text.split, teacher, max_length=19, limit=40) for text in texts
    )
    return train, held_out


def layer_on(teacher: Teacher, texts: Texts, folder: Path) -> tuple[TeacherLayer, ActivationCache]:
    stack = main_stack(teacher.config)
    points = hook_points_of(stack, [1], PARTS)
    train, held_out = (build_cache(folder / text.split, teacher, text, points) for text in texts)
    return TeacherLayer(teacher, train, stack, 1), held_out


OF_ENCODERS = ("linformer",)


@pytest.mark.parametrize(
    ("mixer", "kind"),
    [(mixer, kind) for mixer in STUDENTS for kind in ("bert", "gpt2")[: 1 if mixer in OF_ENCODERS else 2]],
)
def test_every_kind_of_student_is_distilled(
    mixer: str, kind: str, texts: Texts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    teacher: Teacher = request.getfixturevalue(kind)
    layer, held_out = layer_on(teacher, pre_norm(texts, teacher), tmp_path)
    config = student_config(mixer, StudentSpec(teacher.config, layer.stack, 1))
    found = distill_layer(layer, held_out, config, quick())
    assert found.nmse_after == pytest.approx(nmse(found.student, held_out, layer.source, layer.target))
    assert found.nmse_after <= found.nmse_before
    assert found.start in [trial.start for trial in found.trials]
    known = [trial.after for trial in found.trials if trial.after is not None]
    assert min(known) == next(trial.after for trial in found.trials if trial.start == found.start)
    assert found.parameters_after == sum(p.numel() for p in found.student.parameters())
    assert found.steps == (0 if mixer == "none" else STEPS)


def test_a_formula_beats_a_fresh_student_before_training(bert: Teacher, texts: Texts, tmp_path: Path) -> None:
    layer, held_out = layer_on(bert, texts, tmp_path)
    config = AttentionConfig(heads=HEADS, d_head=3)
    errors = {
        start: distill_layer(layer, held_out, config, quick(start=start, steps=0)).nmse_after
        for start in ("whitened-svd", "random")
    }
    assert errors["whitened-svd"] < 0.5 * errors["random"]
    best = distill_layer(layer, held_out, config, quick(steps=0))
    assert best.start == "whitened-svd" and best.nmse_after == pytest.approx(errors["whitened-svd"])
    assert best.steps == 0


@pytest.mark.parametrize("criterion", ["mse-scores", "ce-scores"])
@pytest.mark.parametrize("d_head", [4, 6, 9])
def test_values_are_fitted_beside_scores(
    bert: Teacher, texts: Texts, tmp_path: Path, criterion: str, d_head: int
) -> None:
    """With the teacher's values and a new output map no student of scores is left at chance."""
    layer, held_out = layer_on(bert, texts, tmp_path)
    config = AttentionConfig(heads=HEADS, d_head=d_head)
    plan = quick(criterion=criterion, start="random", steps=90, learning_rate=1e-2)
    found = distill_layer(layer, held_out, config, plan)
    assert found.nmse_after < 0.5


@pytest.mark.parametrize("criterion", ["relation", "cosine", "ce-logits", "kl-output"])
def test_other_criteria_end_in_a_student(bert: Teacher, texts: Texts, tmp_path: Path, criterion: str) -> None:
    layer, held_out = layer_on(bert, texts, tmp_path)
    config = AttentionConfig(heads=2, d_head=6)
    found = distill_layer(layer, held_out, config, quick(criterion=criterion, start="random"))
    assert found.nmse_after < found.nmse_before
    assert found.steps == STEPS


def test_words_of_the_teacher_are_approached(bert: Teacher, texts: Texts, tmp_path: Path) -> None:
    config = AttentionConfig(heads=2, d_head=6)
    plans = (
        quick(criterion="kl-output", start="random", steps=steps, learning_rate=1e-2) for steps in (0, 30)
    )
    before, after = (
        measure_fidelity(
            bert.model, distill_blocks(bert, texts, "encoder", {1: config}, plan, tmp_path)[0], texts[1]
        )
        for plan in plans
    )
    assert after.divergence < 0.7 * before.divergence


def test_fidelity_is_of_every_real_position(bert: Teacher, texts: Texts) -> None:
    other = small_teacher(bert.config, bert.tokenizer)
    with torch.no_grad():
        other.model.head.bias.add_(torch.randn_like(other.model.head.bias))  # type: ignore[union-attr, arg-type]
    found = measure_fidelity(bert.model, other.model, texts[1])
    divergence, same = [], []
    for row in range(len(texts[1])):
        batch = texts[1].batch([row])  # type: ignore[arg-type]
        p, q = (logits_of(model, batch)[0].double().log_softmax(-1) for model in (bert.model, other.model))
        divergence += (p.exp() * (p - q)).sum(-1).tolist()
        same += (p.argmax(-1) == q.argmax(-1)).tolist()
    assert found.positions == len(divergence) == texts[1].lengths.sum()
    assert found.divergence == pytest.approx(sum(divergence) / len(divergence), rel=1e-5)
    assert found.agreement == pytest.approx(sum(same) / len(same))
    itself = measure_fidelity(bert.model, bert.model, texts[1])
    assert itself.divergence == pytest.approx(0, abs=1e-6) and itself.agreement == 1


def test_blocks_from_one_recording_are_those_distilled_apart(
    bert: Teacher, texts: Texts, tmp_path: Path
) -> None:
    config = AttentionConfig(heads=HEADS, d_head=3)
    plan = quick(start="whitened-svd")
    _, both = distill_blocks(bert, texts, "encoder", {0: config, 2: config}, plan, tmp_path)
    _, alone = distill_blocks(bert, texts, "encoder", {2: config}, plan, tmp_path)
    assert [one.block for one in both] == [0, 2]
    assert both[1].nmse_after == alone[0].nmse_after
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_corrected_targets_bring_the_stream_back(
    kind: str, texts: Texts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A mixer that says what is asked of it gives the block the teacher's own stream after it."""
    teacher: Teacher = request.getfixturevalue(kind)
    stack, (text, _) = main_stack(teacher.config), pre_norm(texts, teacher)
    teacher_cache = build_cache(tmp_path / "truth", teacher, text, hook_points_of(stack, [1], PARTS))
    config = AttentionConfig(heads=2, d_head=3)
    plan = quick(steps=0, start="random")
    drifted, _ = distill_blocks(teacher, pre_norm(texts, teacher), stack, {0: config}, plan, tmp_path)
    point = HookPoint(stack, 1, "mixer-out")
    found = record_inputs(tmp_path / "own", teacher, drifted, teacher_cache, text, point, "corrected")
    stream = HookPoint(stack, 1, "layer-in")
    x_hat, padding = found.read(stream, range(4))
    x, y = teacher_cache.read(stream, range(4))[0], teacher_cache.read(point, range(4))[0]
    assert not torch.allclose(x, x_hat, atol=0.05)
    y_hat, _ = found.read(point, range(4))
    torch.testing.assert_close(x_hat + y_hat, x + y, atol=2e-3, rtol=0)
    real = torch.ones(x.shape[:2], dtype=torch.bool) if padding is None else ~padding
    rows = found.flat(point, 0, found.rows)
    torch.testing.assert_close(rows[: int(real.sum())], y_hat[real])
    layer_out = HookPoint(stack, 1, "layer-out")
    assert torch.equal(found.flat(layer_out, 0, 5), teacher_cache.flat(layer_out, 0, 5))
    mixer_in = HookPoint(stack, 1, "mixer-in")
    assert not torch.equal(found.flat(mixer_in, 0, 5), teacher_cache.flat(mixer_in, 0, 5))


def test_targets_of_the_student_are_what_the_teacher_makes_of_its_input(
    bert: Teacher, texts: Texts, tmp_path: Path
) -> None:
    text = texts[0]
    teacher_cache = build_cache(tmp_path / "truth", bert, text, hook_points_of("encoder", [1], PARTS))
    config = AttentionConfig(heads=2, d_head=3)
    drifted, _ = distill_blocks(bert, texts, "encoder", {0: config}, quick(steps=0, start="random"), tmp_path)
    source, target = HookPoint("encoder", 1, "mixer-in"), HookPoint("encoder", 1, "mixer-out")
    found = record_inputs(tmp_path / "own", bert, drifted, teacher_cache, text, target, "student")
    seen = capture_model(drifted, text.batch([0]), [source])[source]  # type: ignore[arg-type, list-item]
    torch.testing.assert_close(found.read(source, [0])[0], seen, atol=2e-3, rtol=1e-3)
    assert nmse(bert.model.encoder.blocks[1].mixer, found, source, target) < 1e-5  # type: ignore[union-attr, index]


def test_corrected_targets_beat_independent_ones_for_a_whole_model(
    bert: Teacher, texts: Texts, tmp_path: Path
) -> None:
    students = {layer: AttentionConfig(heads=2, d_head=4) for layer in range(LAYERS)}
    found = {
        conditioned: measure_fidelity(
            bert.model, distill_blocks(bert, texts, "encoder", students, plan, tmp_path)[0], texts[1]
        )
        for conditioned in ("teacher", "corrected")
        for plan in (quick(steps=0, start="whitened-svd", conditioned=conditioned),)
    }
    assert found["corrected"].divergence < found["teacher"].divergence


def test_chance_is_of_the_seed(bert: Teacher, texts: Texts, tmp_path: Path) -> None:
    layer, held_out = layer_on(bert, texts, tmp_path)
    config = AttentionConfig(heads=2, d_head=3)
    plans = [quick(start="random", steps=0, seed=seed) for seed in (0, 0, 1)]
    students: list[Any] = [distill_layer(layer, held_out, config, plan).student for plan in plans]
    first, again, other = (student.value.weight for student in students)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_starts_that_do_not_fit_are_told_and_passed_over(bert: Teacher, texts: Texts, tmp_path: Path) -> None:
    layer, held_out = layer_on(bert, texts, tmp_path)
    config = AttentionConfig(heads=HEADS + 1, d_head=3)
    found = distill_layer(layer, held_out, config, quick(steps=0))
    refused = [trial for trial in found.trials if trial.after is None]
    assert refused and "`--heads 5` is more than the teacher's 4 in block 1" in refused[0].why
    assert found.start == "random"
    with pytest.raises(SynthError, match="is more than the teacher's 4"):
        distill_layer(layer, held_out, config, quick(start="whitened-svd", steps=0))


@pytest.mark.parametrize(
    "wrong", [{"start": "bset"}, {"criterion": "mes"}, {"conditioned": "pupil"}, {"steps": -1}]
)
def test_words_that_name_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        quick(**wrong)


def test_a_cache_that_would_be_too_large_is_refused(bert: Teacher, texts: Texts, tmp_path: Path) -> None:
    plan = quick(steps=0, cache_limit=1000)
    with pytest.raises(SynthError, match="and `--cache-limit` allows 1000 bytes"):
        distill_blocks(bert, texts, "encoder", {1: AttentionConfig()}, plan, tmp_path)
    assert not list(tmp_path.iterdir())


def shape(bert: Teacher, **more: Any) -> StudentSpec:
    return StudentSpec(bert.config, "encoder", 1, **more)


def test_a_student_of_attention_is_half_of_its_teacher(bert: Teacher) -> None:
    half = student_config("attention", shape(bert))
    assert (half.heads, half.d_head) == (HEADS, WIDTH // HEADS // 2)
    fewer = student_config("attention", shape(bert, heads=2))
    assert (fewer.heads, fewer.d_head) == (2, WIDTH // HEADS)
    narrow = student_config("attention", shape(bert, d_head=5))
    assert (narrow.heads, narrow.d_head) == (HEADS, 5)


@pytest.mark.parametrize("mixer", ["sru", "linear", "none"])
def test_students_without_heads_take_none(bert: Teacher, mixer: str) -> None:
    with pytest.raises(SynthError, match=f"`--heads 2` has no meaning for `--mixer {mixer}`"):
        student_config(mixer, shape(bert, heads=2))


def test_students_that_cannot_be_are_refused(bert: Teacher) -> None:
    with pytest.raises(SynthError, match="unknown mixer `sruu`"):
        student_config("sruu", shape(bert))
    with pytest.raises(SynthError, match="`--heads 0` is not a number of columns"):
        student_config("attention", shape(bert, heads=0))
    with pytest.raises(SynthError, match=r"block 1: .* `heads = 7` does not divide `d_model = 24`"):
        student_config("factorized-dense", shape(bert, heads=7))


@pytest.mark.parametrize("kind", ["dynamic", "lightweight"])
def test_convolutions_have_heads_without_a_width_of_their_own(bert: Teacher, kind: str) -> None:
    name = f"{kind}-convolution"
    assert student_config(name, shape(bert, heads=2)).heads == 2
    with pytest.raises(SynthError) as caught:
        student_config(name, shape(bert, d_head=5))
    assert caught.value.message == (
        f"`--d-k 5` has no meaning for `--mixer {name}`, whose heads share the width"
    )
    with pytest.raises(SynthError, match=r"block 1: `heads = 7` does not divide `d_model = 24`"):
        student_config(name, shape(bert, heads=7))


@pytest.mark.parametrize("mixer", OF_ENCODERS)
def test_a_decoder_takes_no_student_that_reads_the_future(gpt2: Teacher, mixer: str) -> None:
    with pytest.raises(SynthError) as caught:
        student_config(mixer, StudentSpec(gpt2.config, "decoder", 1))
    assert caught.value.message == (
        f'block 1: `kind = "{mixer}"` reads the future, which a decoder has to predict'
    )
    assert caught.value.hint == "choose another mixer"


def test_the_help_names_all_there_is() -> None:
    for option, names in (("start", STARTS), ("criterion", CRITERIA), ("mixer", STUDENTS)):
        assert [name for name in names if name not in cli.FLAGS[option].info.help] == []


def test_words_are_those_of_the_registries() -> None:
    assert tuple(CRITERIA) == option_values.CRITERIA
    assert set(option_values.FORMULAS) == {*STARTS, "best"}
    assert set(option_values.MERGE_STARTS) == {*MERGES, "best"}


@pytest.mark.parametrize("mixer", ["linear", "none", "sru"])
@pytest.mark.parametrize("criterion", ["ce-scores", "mse-scores", "relation"])
def test_a_criterion_that_does_not_fit_is_refused_before_anything_is_recorded(
    bert: Teacher, texts: Texts, tmp_path: Path, mixer: str, criterion: str
) -> None:
    students = {1: student_config(mixer, StudentSpec(bert.config, "encoder", 1))}
    plan = quick(criterion=criterion, cache_limit=1)  # one byte: a recording would be refused
    with pytest.raises(SynthError, match=f"`{criterion}` compares maps .* the student's mixer is `{mixer}`"):
        distill_blocks(bert, texts, "encoder", students, plan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_block_without_a_mixer_teaches_nothing(store: Store, texts: Texts, tmp_path: Path) -> None:
    table = {"layers": 3, "max_length": 32, "layer_mixers": {1: {"kind": "none"}}}
    teacher = small_teacher(bert_config(store.tokenizer.vocab_size, encoder=table), store.tokenizer)
    students = {1: student_config("attention", StudentSpec(teacher.config, "encoder", 1))}
    with pytest.raises(SynthError, match="block 1 has no mixer: what stands there is a constant already"):
        distill_blocks(teacher, texts, "encoder", students, quick(cache_limit=1), tmp_path)


def test_a_start_that_does_not_fit_stands_below_the_table() -> None:
    table: dict[str, Any] = {"block": 0, "mixer": "attention 5 × 6", "start": "random", "seconds": 1.0}
    table |= {"parameters_before": 1, "parameters_after": 2, "nmse_before": 0.5, "nmse_after": 0.25}
    table["trials"] = [
        {"start": "random", "before": 0.5, "after": 0.25, "why": ""},
        {"start": "greedy-heads", "before": None, "after": None, "why": "`--heads 5` is more than 4"},
    ]
    assert len(cli.list_block_rows(table)) == 1
    (line,) = cli.describe_refused(table, "block 0")
    assert line == "note: start `greedy-heads` is left out in block 0: `--heads 5` is more than 4"
