"""Steps from published row counts; parameters against a formula written out by hand."""

import pytest

from synthcli.presets import load_preset, plan_training
from synthcli.presets.planning import sequences_seen

D, FF, HEADS = 512, 2048, 8
D_HEAD = D // HEADS
LINEAR = D * D + D
NORM = 2 * D
FEED_FORWARD = D * FF + FF + FF * D + D
HIDDEN = HEADS * (D_HEAD * D_HEAD + D_HEAD)
FACTORS = {128: (8, 16), 256: (16, 16), 512: (16, 32)}  # a · b = length, a the largest below its root


def score_parameters(kind: str, length: int) -> int:
    """Count the parameters of one score function over positions up to `length`."""
    return {
        "vanilla": 2 * LINEAR,
        "dense": HIDDEN + HEADS * (D_HEAD * length + length),
        "random": HEADS * length * length,
        "factorized-dense": HIDDEN + HEADS * sum(FACTORS[length]) * (D_HEAD + 1),
        "factorized-random": HEADS * 2 * length * 8,
    }[kind]


SCORES = {
    "vanilla": ["vanilla"],
    "dense": ["dense"],
    "random": ["random"],
    "random-fixed": ["random"],
    "factorized-dense": ["factorized-dense"],
    "factorized-random": ["factorized-random"],
    "random-dense": ["random", "dense"],
    "dense-vanilla": ["dense", "vanilla"],
    "random-vanilla": ["random", "vanilla"],
}


def self_attention(variant: str, length: int) -> int:
    kinds = SCORES[variant]
    mixing = HEADS * len(kinds) if len(kinds) > 1 else 0
    return sum(score_parameters(kind, length) for kind in kinds) + mixing + 2 * LINEAR


def stack(variant: str, length: int, has_cross: bool = False) -> int:
    """Six layers and the norm at their end."""
    cross = 4 * LINEAR + NORM if has_cross else 0
    return 6 * (self_attention(variant, length) + FEED_FORWARD + 2 * NORM + cross) + NORM


# family: (corpus rows / 128, rounded up, times epochs; vocabulary; encoder length; decoder length; head)
STEPS = {"wmt14": 246_575, "lm1b": 1_183_635, "cnn-dailymail": 112_200, "agnews": 1_876}
VOCABULARY = {"wmt14": 32_000, "lm1b": 50_260, "cnn-dailymail": 32_000, "agnews": 32_000}
LENGTHS = {"wmt14": (256, 256), "lm1b": (0, 256), "cnn-dailymail": (512, 128), "agnews": (256, 0)}


def expected_parameters(family: str, variant: str) -> int:
    source, target = LENGTHS[family]
    total = (VOCABULARY[family] + source + target) * D
    if source:
        total += stack(variant, source)
    if target:
        total += stack(variant, target, has_cross=bool(source))
    return total + (4 * D + 4 if family == "agnews" else 0)


def family_of(name: str) -> str:
    return next(family for family in STEPS if name.startswith(f"{family}-"))


PLANNED = [f"{family}-{variant}" for family in STEPS for variant in SCORES]


@pytest.mark.parametrize("name", PLANNED)
def test_a_preset_at_paper_scale_has_the_steps_and_parameters_of_its_family(name: str) -> None:
    family = family_of(name)
    variant = name.removeprefix(f"{family}-")
    made = plan_training(load_preset(name))
    assert made.steps == STEPS[family]
    assert made.parameters.total == expected_parameters(family, variant)
    fixed = sum(6 * HEADS * length**2 for length in LENGTHS[family]) if variant == "random-fixed" else 0
    assert made.parameters.trainable == made.parameters.total - fixed
    assert made.parameters.embedding == (VOCABULARY[family] + sum(LENGTHS[family])) * D
    assert made.parameters.non_embedding == made.parameters.total - made.parameters.embedding
    assert made.warnings == ()


def test_the_rows_of_a_store_replace_the_published_ones() -> None:
    made = plan_training(load_preset("agnews-dense"), {"train": 1000})
    assert (made.rows, made.steps_per_epoch, made.steps, made.epochs) == (1000, 8, 16, 2.0)
    assert made.sequences == 2000
    assert made.max_tokens == 2000 * 256


def test_a_training_of_given_steps_says_how_many_epochs_they_are() -> None:
    made = plan_training(load_preset("agnews-dense", overrides=["training.steps=12"]), {"train": 1000})
    assert (made.steps, made.epochs) == (12, 1.5)
    assert made.sequences == 1000 + 4 * 128


def test_what_only_a_store_can_tell_is_left_open() -> None:
    made = plan_training(load_preset("agnews-dense"), {})
    assert (made.rows, made.steps, made.epochs, made.sequences, made.flops) == (None, None, 2, None, None)
    made = plan_training(load_preset("agnews-dense", overrides=["data.batch.max_tokens=4096"]))
    assert (made.rows, made.batch_size, made.steps) == (120_000, None, None)


def test_windows_are_counted_only_by_a_store() -> None:
    made = plan_training(load_preset("codeparrot-pre-norm"))
    assert (made.steps, made.steps_per_epoch, made.epochs) == (43_000, None, None)
    assert (made.sequences, made.max_tokens) == (43_000 * 128, 43_000 * 128 * 128)


def test_masked_words_are_planned_by_the_encoder() -> None:
    made = plan_training(load_preset("crammed-bert-pre-norm"))
    stack = 16 * (4 * 768**2 + 3 * 768 * 1536 + 4 * 768) + 2 * 768
    assert made.flops == pytest.approx(6 * 128 * (stack + 32_768 * 768) * 5000 * 8192, rel=1e-12)


def test_a_warm_up_longer_than_the_training_is_warned_of() -> None:
    made = plan_training(load_preset("agnews-dense", overrides=["training.steps=100"]))
    long = "`training.schedule.warmup_steps` = 1000 is longer than the training of 100 steps"
    assert made.warnings == (f"{long}: the rate never reaches its peak",)


def test_sequences_are_whole_epochs_and_full_batches_of_the_last() -> None:
    assert sequences_seen(7, 3, 10, 4) == 2 * 10 + 4
    assert sequences_seen(9, 3, 10, 4) == 30
    assert sequences_seen(5, None, None, 4) == 20
    assert sequences_seen(None, 3, 10, 4) is None


def test_flops_are_six_times_what_each_token_passes_through() -> None:
    made = plan_training(load_preset("wmt14-vanilla"))
    source, target = LENGTHS["wmt14"]
    a_pair = source * stack("vanilla", source) + target * (stack("vanilla", target, True) + 32_000 * D)
    assert made.flops == pytest.approx(6 * a_pair * 4_508_785 * 7, rel=1e-12)


def test_a_plan_is_json() -> None:
    made = plan_training(load_preset("agnews-dense"))
    table = made.to_json()
    assert table["parameters"]["total"] == made.parameters.total
