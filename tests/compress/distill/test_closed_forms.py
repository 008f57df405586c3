"""Closed forms against least squares written down, and students against what they are made of."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.compress.activations.cache import build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.moments import Moments, moments_of
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer, ridge, starts_for
from synthcli.compress.distill.closed_forms.greedy_heads import greedy_groups
from synthcli.compress.distill.closed_forms.mean_map import CONFIDENCE, mean_scores
from synthcli.compress.distill.closed_forms.ridge import penalty
from synthcli.compress.distill.closed_forms.whitened_svd import narrow_student
from synthcli.compress.distill.students import STUDENTS, StudentSpec, student_config
from synthcli.compress.fidelity.nmse import NMSE, nmse
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig, NoneConfig
from synthcli.model_config.recurrent import SRUConfig
from synthcli.model_config.scores import DenseConfig, RandomConfig
from tests.compress.small import HEADS, WIDTH, bert_config, gpt2_config, small_teacher

WIDE = {"rtol": 1e-9, "atol": 1e-9}
SINGLE = {"rtol": 1e-5, "atol": 1e-5}


def teacher_layer_of(path: Path, teacher: Teacher, text: Calibration, stack: str = "encoder") -> TeacherLayer:
    """Record block 1 of a teacher."""
    layer = TeacherLayer(teacher, None, stack, 1)  # type: ignore[arg-type]
    return TeacherLayer(teacher, build_cache(path, teacher, text, [layer.source, layer.target]), stack, 1)


@pytest.fixture
def layer(tmp_path: Path, bert: Teacher, text: Calibration) -> TeacherLayer:
    return teacher_layer_of(tmp_path / "cache", bert, text)


def pairs(rows: int = 57, width: int = 12, outputs: int = 5) -> tuple[Tensor, Tensor]:
    """Return inputs that are not centred, and outputs that follow from them roughly."""
    x = torch.randn(rows, width, dtype=torch.float64) * torch.linspace(0.2, 2, width) + 1.5
    return x, x @ torch.randn(width, outputs, dtype=torch.float64) + torch.randn(rows, outputs) + 4


def direct_ridge(x: Tensor, y: Tensor, penalty: float, prior: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Solve the augmented least squares  [x − x̄; √(nλ) I] Wᵀ = [y − ȳ; √(nλ) W₀ᵀ]."""
    root = (len(x) * penalty) ** 0.5
    weight0 = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64) + prior
    rows = torch.cat((x - x.mean(0), root * torch.eye(x.shape[1], dtype=torch.float64)))
    wanted = torch.cat((y - y.mean(0), root * weight0))
    weight = torch.linalg.lstsq(rows, wanted).solution.mT
    return weight, y.mean(0) - weight @ x.mean(0)


@pytest.mark.parametrize("strength", [0.0, 1e-6, 0.3])
@pytest.mark.parametrize("has_prior", [False, True])
def test_ridge_solves_the_augmented_least_squares(strength: float, has_prior: bool) -> None:
    x, y = pairs()
    prior = torch.randn(5, 12, dtype=torch.float64) if has_prior else None
    found = ridge(Moments.of(x, y), strength, prior)
    lam = strength * float((x - x.mean(0)).square().mean())
    expected = direct_ridge(x, y, lam, 0.0 if prior is None else prior.mT)
    torch.testing.assert_close(found, expected, **WIDE)


def test_an_input_that_never_varies_changes_nothing() -> None:
    x, y = pairs()
    constant = torch.cat((x, torch.ones(len(x), 1)), 1)
    weight, _ = ridge(Moments.of(constant, y), 1e-6)
    assert weight[:, -1].abs().max() < 1e-6 and weight.isfinite().all()
    nothing, bias = ridge(Moments.of(torch.ones(9, 3), y[:9]), 1e-6)
    torch.testing.assert_close((nothing, bias), (torch.zeros_like(nothing), y[:9].mean(0)), rtol=0, atol=1e-7)


def test_moments_of_parts_are_those_of_the_whole_and_know_the_error() -> None:
    x, y = pairs()
    parts = Moments.of(x[:20], y[:20]) + Moments.of(x[20:], y[20:])
    weight, bias = torch.randn(5, 12, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    error = float((y - x @ weight.mT - bias).square().sum(1).mean())
    assert parts.error(weight, bias) == pytest.approx(error, rel=1e-9)
    assert parts.variance == pytest.approx(float((y - y.mean(0)).square().sum(1).mean()), rel=1e-9)
    torch.testing.assert_close(parts.covariance, torch.cov(x.mT, correction=0), **WIDE)


def test_nmse_is_the_error_of_real_tokens_over_that_of_the_mean() -> None:
    target, predicted = torch.randn(3, 7, 5) + 2, torch.randn(3, 7, 5)
    padding = torch.arange(7) >= torch.tensor([[7], [4], [1]])
    total = NMSE()
    total.add(predicted[:1], target[:1])
    total.add(predicted[1:], target[1:], padding[1:])
    y, guess = target[~padding].double(), predicted[~padding].double()
    expected = (y - guess).square().sum() / (y - y.mean(0)).square().sum()
    assert total.value == pytest.approx(float(expected), rel=1e-9)


def penalised_residual(moments: Moments, chosen: tuple[int, ...], size: int, lam: float) -> float:
    """Return min_W E‖y − W c‖² + λ‖W‖² over centred columns of the groups, as a share of Var y."""
    columns = [group * size + place for group in chosen for place in range(size)]
    C, cross = moments.covariance[columns][:, columns], moments.cross[columns]
    solid = C + lam * torch.eye(len(columns), dtype=torch.float64)
    weight = torch.linalg.inv(solid) @ cross
    left = moments.variance - 2 * (weight * cross).sum() + (weight * (solid @ weight)).sum()
    return float(left / moments.variance)


@pytest.mark.parametrize("strength", [1e-6, 0.05])
def test_what_greedy_heads_leave_is_what_ridge_on_them_leaves(strength: float) -> None:
    moments = Moments.of(*pairs())
    lam = penalty(moments.covariance, strength)
    choice = greedy_groups(moments, size=3, count=4, strength=strength)
    assert sorted(choice.groups) == [0, 1, 2, 3]
    for count in range(1, 5):
        direct = penalised_residual(moments, choice.groups[:count], 3, lam)
        assert choice.left[count - 1] == pytest.approx(direct, rel=1e-9)
    assert list(choice.left) == sorted(choice.left, reverse=True)


def test_greedy_heads_are_no_worse_than_any_first_ones_or_any_one_added() -> None:
    moments = Moments.of(*pairs(rows=200))
    lam = penalty(moments.covariance, 1e-6)
    choice = greedy_groups(moments, size=2, count=3, strength=1e-6)
    assert choice.left[0] <= min(penalised_residual(moments, (one,), 2, lam) for one in range(6)) + 1e-12
    for count in (1, 2, 3):
        assert choice.left[count - 1] <= penalised_residual(moments, tuple(range(count)), 2, lam) + 1e-12
    best = min(penalised_residual(moments, three, 2, lam) for three in combinations(range(6), 3))
    assert best - 1e-12 <= choice.left[2] <= choice.left[1]


def both(mixer: Any, student: Any, stack: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return what teacher and student say of the same sequences, some of them padded."""
    x = torch.randn(4, 11, WIDTH, dtype=dtype) * 2 + 0.5
    padding = torch.arange(11) >= torch.tensor([[11], [3], [8], [11]])
    context = context_of(stack, padding)
    with torch.no_grad():
        return student(x, context)[0][~padding], mixer(x, context)[0][~padding]


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, SINGLE), (torch.float64, WIDE)])
@pytest.mark.parametrize(("config", "stack"), [(bert_config, "encoder"), (gpt2_config, "decoder")])
def test_whitened_svd_of_full_rank_is_the_teacher(tmp_path, store, text, config, stack, dtype, close) -> None:
    teacher = small_teacher(config(store.tokenizer.vocab_size), store.tokenizer, dtype)
    layer = teacher_layer_of(tmp_path / "cache", teacher, text, stack)
    student: Any = narrow_student(layer, AttentionConfig(heads=HEADS))
    assert student.scores[0].query.bias.abs().max() > 0.01
    torch.testing.assert_close(*both(layer.mixer, student, stack, dtype), **close)
    queries, keys = student.scores[0].query.weight, layer.mixer.scores[0].query.weight
    assert (queries - keys).abs().max() > 0.01  # other maps, the same scores up to a constant a query


def test_keys_of_a_narrow_student_are_centred(layer: TeacherLayer) -> None:
    student: Any = narrow_student(layer, AttentionConfig(heads=HEADS, d_head=3))
    mean = moments_of(layer.cache, layer.source, layer.source).mean_x.float()
    torch.testing.assert_close(student.scores[0].key(mean), torch.zeros(12), rtol=0, atol=1e-5)


def test_a_narrow_head_is_the_best_of_its_rank_on_whitened_inputs(layer: TeacherLayer) -> None:
    """‖M^½ (q'ᵀk' − qᵀk) N^½‖² is the sum of the singular values left out, squared."""
    student: Any = narrow_student(layer, AttentionConfig(heads=HEADS, d_head=2))
    inputs = moments_of(layer.cache, layer.source, layer.source)
    second = torch.linalg.cholesky(homogeneous(inputs))
    spread = torch.linalg.cholesky(inputs.covariance + 1e-12 * torch.eye(WIDTH, dtype=torch.float64))
    for head in range(HEADS):
        ours, theirs = (bilinear(mixer.scores[0], head) for mixer in (student, layer.mixer))
        left = torch.linalg.matrix_norm(second.mT @ (ours - theirs) @ spread) ** 2
        singular = torch.linalg.svdvals(second.mT @ theirs @ spread)
        assert float(left) == pytest.approx(float(singular[2:].square().sum()), rel=1e-4)


def homogeneous(inputs: Moments) -> Tensor:
    """Return E[x̃ x̃ᵀ] of x̃ = (x, 1)."""
    mean = torch.cat((inputs.mean_x, torch.ones(1, dtype=torch.float64)))
    second = torch.outer(mean, mean)
    second[:-1, :-1] += inputs.covariance
    return second + 1e-12 * torch.eye(len(second), dtype=torch.float64)


def bilinear(score: Any, head: int) -> Tensor:
    """Return what turns (x_i, 1) and x_j into a score, (d_model + 1, d_model)."""
    width = score.query.out_features // HEADS
    its = slice(head * width, (head + 1) * width)
    query = torch.cat((score.query.weight[its], score.query.bias[its, None]), 1).double()
    return (query.mT @ score.key.weight[its].double() * score.scale).detach()


def test_half_the_parameters_are_better_than_a_linear_map(layer: TeacherLayer) -> None:
    values = {}
    for name, config in {
        "whitened-svd": AttentionConfig(heads=HEADS, d_head=3),
        "greedy-heads": AttentionConfig(heads=2, d_head=6),
        "linear-map": LinearConfig(),
        "mean": NoneConfig(),
    }.items():
        student = STARTS[name](layer, config)
        values[name] = nmse(student, layer.cache, layer.source, layer.target)
    assert values["mean"] == pytest.approx(1, abs=1e-4)
    assert max(values["whitened-svd"], values["greedy-heads"]) < values["linear-map"] < 1


def test_a_refit_is_never_worse_on_its_own_text(layer: TeacherLayer) -> None:
    config = AttentionConfig(heads=HEADS, d_head=2)
    before = nmse(narrow_student(layer, config), layer.cache, layer.source, layer.target)
    after = nmse(STARTS["whitened-svd"](layer, config), layer.cache, layer.source, layer.target)
    assert after < before < 1


def test_a_linear_map_is_the_least_squares_of_the_rows(layer: TeacherLayer) -> None:
    layer = TeacherLayer(layer.teacher, layer.cache, layer.stack, layer.number, strength=0.0)
    student: Any = STARTS["linear-map"](layer, LinearConfig())
    x, y = (layer.cache.flat(point, 0, layer.cache.rows).double() for point in (layer.source, layer.target))
    # inputs after a norm are not independent: maps may differ where their outputs do not
    direct = torch.linalg.lstsq(torch.cat((x, torch.ones(len(x), 1)), 1), y, driver="gelsd").solution
    fitted = student.output(x.float()).detach().double()
    expected = torch.cat((x, torch.ones(len(x), 1)), 1) @ direct
    assert float((fitted - expected).square().sum() / expected.square().sum()) < 1e-6


def test_the_mean_map_is_the_mean_of_what_the_teacher_attends_to(layer: TeacherLayer) -> None:
    found = mean_scores(layer, 32).exp()
    total, seen = torch.zeros(HEADS, 32, 32, dtype=torch.float64), torch.zeros(32, 32)
    mixer = layer.mixer
    for index, length in enumerate(layer.cache.lengths.tolist()):
        x = layer.cache.read(layer.source, [index])[0][0]
        q = mixer.scores[0].query(x).unflatten(1, (HEADS, -1)).double()
        k = mixer.scores[0].key(x).unflatten(1, (HEADS, -1)).double()
        weights = (torch.einsum("qhd,khd->hqk", q, k) / 6**0.5).softmax(-1)
        total[:, :length, :length] += length * weights
        seen[:length, :length] += 1
    offset = [
        (total.diagonal(by, 1, 2).sum(1) / max(1.0, float(seen.diagonal(by).sum()))) for by in range(-31, 32)
    ]
    for i, j in [(0, 0), (0, 5), (7, 6), (18, 2), (18, 18), (20, 19), (31, 30)]:
        expected = (total[:, i, j] + CONFIDENCE * offset[j - i + 31]) / (seen[i, j] + CONFIDENCE)
        torch.testing.assert_close(found[:, i, j], expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(found[:, 0, 31], torch.ones(HEADS, dtype=torch.float64))  # nobody looks so far


def test_a_random_student_starts_far_better_from_the_mean_map(layer: TeacherLayer) -> None:
    config = AttentionConfig(heads=HEADS, scores=(RandomConfig(),))
    value = {
        name: nmse(STARTS[name](layer, config), layer.cache, layer.source, layer.target)
        for name in ("mean-map", "ridge", "random")
    }
    assert value["mean-map"] < value["ridge"] < 1 < value["random"]


@pytest.mark.parametrize("name", STUDENTS)
def test_every_student_has_starts_and_all_of_them_compute(layer: TeacherLayer, name: str) -> None:
    config = student_config(name, StudentSpec(layer.teacher.config, "encoder", 1))
    starts = starts_for(config, layer)
    assert starts and set(starts) <= set(STARTS)
    for start in starts:
        student = STARTS[start](layer, config)
        assert np.isfinite(nmse(student, layer.cache, layer.source, layer.target))


@pytest.mark.parametrize("options", [{}, {"skip": False}, {"bidirectional": True, "skip": False}])
def test_an_sru_of_moving_averages_is_no_worse_than_one_of_a_map(layer: TeacherLayer, options: Any) -> None:
    """Gates that do not read: h is a ridge solution, which the recurrence itself has to reproduce."""
    config = SRUConfig(**options)
    student: Any = STARTS["moving-averages"](layer, config)
    forget, reset = student.bias.detach().sigmoid()
    torch.testing.assert_close(reset, torch.full_like(reset, 0.95), **SINGLE)
    x, padding = layer.cache.read(layer.source, [3, 8, 21])
    half = WIDTH // 2 if options.get("bidirectional") else WIDTH
    u = (x @ student.expand.weight[:WIDTH].mT).detach()
    expected = torch.zeros_like(u)
    for row, length in enumerate(layer.cache.lengths[[3, 8, 21]].tolist()):
        for column in range(WIDTH):
            c, order = 0.0, range(length) if column < half else range(length - 1, -1, -1)
            for t in order:
                c = float(forget[column]) * c + (1 - float(forget[column])) * float(u[row, t, column])
                rest = float(x[row, t, column]) if options.get("skip", True) else 0.0
                expected[row, t, column] = 0.95 * c + 0.05 * rest
    found = student(x, context_of("encoder", padding))[0]
    torch.testing.assert_close(found[~padding], expected[~padding], rtol=1e-4, atol=1e-4)
    value = nmse(student, layer.cache, layer.source, layer.target)
    assert value < 0.9 and len(forget.unique()) > 1


REFUSED: dict[str, tuple[str, Any]] = {
    "`--heads 5` is more than the teacher's 4 in block 1": ("whitened-svd", {"heads": 5, "d_head": 2}),
    "`--d-k 7` is more than the teacher's 6 in block 1": ("whitened-svd", {"heads": 2, "d_head": 7}),
    "heads of `--d-k 3` are not the teacher's, which have 6": ("greedy-heads", {"heads": 2, "d_head": 3}),
    "the mean map starts one table of scores, not `dense`": ("mean-map", {"scores": (DenseConfig(),)}),
    "a `attention` student is not an SRU of one map, as wide as the model": ("moving-averages", {}),
    "a `attention` student is no linear map": ("linear-map", {}),
    "a `attention` student is more than a mean": ("mean", {}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_start_that_does_not_fit_is_refused(layer: TeacherLayer, message: str) -> None:
    start, options = REFUSED[message]
    with pytest.raises(SynthError) as error:
        STARTS[start](layer, AttentionConfig(**({"heads": 4} | options)))
    assert error.value.message == message and error.value.hint


def test_a_teacher_without_dot_products_is_refused(tmp_path: Path, store, text: Calibration) -> None:
    mixer = {"heads": 4, "scores": [{"kind": "random"}]}
    teacher = small_teacher(bert_config(store.tokenizer.vocab_size, mixer=mixer), store.tokenizer)
    layer = teacher_layer_of(tmp_path / "cache", teacher, text)
    with pytest.raises(SynthError, match=r"`encoder\.1\.mixer-out` is not attention by dot products alone"):
        STARTS["greedy-heads"](layer, AttentionConfig(heads=2, d_head=6))


@pytest.mark.parametrize("mixer", [{"kind": "sru", "bidirectional": True}, {"kind": "linear"}])
@pytest.mark.parametrize(("start", "scores"), [("whitened-svd", "dot-product"), ("mean-map", "random")])
def test_a_layer_without_heads_is_a_teacher_of_fresh_students_alone(
    tmp_path: Path, store, text: Calibration, mixer: Any, start: str, scores: str
) -> None:
    config = bert_config(
        store.tokenizer.vocab_size, encoder={"layers": 3, "max_length": 32, "layer_mixers": {1: mixer}}
    )
    layer = teacher_layer_of(tmp_path / "cache", small_teacher(config, store.tokenizer), text)
    student = AttentionConfig.model_validate({"heads": 4, "scores": [{"kind": scores}]})
    assert starts_for(student, layer)[0] == start and starts_for(student, layer)[-1] == "random"
    with pytest.raises(SynthError, match=r"`encoder\.1\.mixer-out` is no attention: it has no heads"):
        STARTS[start](layer, student)
