"""The ablations of He & Hofmann 2023: what each preset of a figure changes, and nothing else."""

import pytest

from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.blocks import SkiplessConfig
from synthcli.model_config.projections import ResidualConfig
from synthcli.presets import load_preset, preset_names
from synthcli.presets.sizes import measure_model

WIDTH, LAYERS, HEADS = 768, 18, 12
PRE_NORM, SKIPLESS, VALUE_SKIPINIT = 166_645_248, 146_002_112, 166_645_950  # as its authors' code counts
POINTS = ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")

COUNTS = {
    "codeparrot-beta-identity-0.2": VALUE_SKIPINIT,
    "codeparrot-beta-all-tied-1.0": VALUE_SKIPINIT,
    "codeparrot-rate-orthogonal-0.4": VALUE_SKIPINIT,
    "codeparrot-pre-norm-identity": PRE_NORM - LAYERS * 2 * WIDTH**2,
    "codeparrot-skipless-uncentred": SKIPLESS - LAYERS * HEADS,  # γ
    "codeparrot-feed-forward-gain-3.0": SKIPLESS,
    "codeparrot-gains-pre-norm": PRE_NORM + LAYERS * 4,  # α and β of values and projections
    "codeparrot-gains-orthogonal": VALUE_SKIPINIT + LAYERS * 4,
    "codeparrot-no-skip-relu": SKIPLESS - LAYERS,  # α_FF
    "codeparrot-skipless-parallel-no-values": 145_988_270 - WIDTH**2 - 2,
}


def mixer_of(name: str) -> AttentionConfig:
    mixer = load_preset(name).model.mixer
    assert isinstance(mixer, AttentionConfig)
    return mixer


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_a_variation_has_the_parameters_of_what_it_changes(name: str, count: int) -> None:
    assert measure_model(load_preset(name).model.model_dump_json()).total == count


def test_a_figure_has_every_start_and_every_beta() -> None:
    ties = {"identity": "none", "orthogonal": "none", "last-tied": "last-block", "all-tied": "all-blocks"}
    for start, tie in ties.items():
        for point in POINTS:
            mixer = mixer_of(f"codeparrot-beta-{start}-{point}")
            init = "identity" if start == "identity" else "orthogonal"
            expected = ResidualConfig(init=init, residual=float(point), trainable_gains=False)  # type: ignore[arg-type]
            assert mixer.value == mixer.output == expected and mixer.tie_init == tie
            assert mixer.first_value == expected and mixer.last_output is None
    assert sum(name.startswith("codeparrot-beta-") for name in preset_names()) == 24


def test_a_smaller_rate_is_that_of_values_and_projections_alone() -> None:
    for start in ("identity", "orthogonal"):
        for point in POINTS:
            name = f"codeparrot-rate-{start}-{point}"
            multipliers = load_preset(name).training.optimizer.rate_multipliers
            assert (multipliers.residual, multipliers.gains) == (float(point), 1.0)
            assert mixer_of(name) == mixer_of(f"codeparrot-beta-{start}-1.0")


@pytest.mark.parametrize("block", ["skipless", "skipless-parallel"])
def test_uncentred_attention_is_that_of_value_skipinit(block: str) -> None:
    before, after = mixer_of(f"codeparrot-{block}"), mixer_of(f"codeparrot-{block}-uncentred")
    assert after.model_copy(update={"shaping": before.shaping}) == before
    assert after.shaping is not None and after.shaping.trainable_parts == ("identity", "attention")
    assert (after.shaping.identity, after.shaping.attention, after.shaping.centre) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "name", ["value-gains", "gains-skipless-parallel", "gains-orthogonal", "gains-pre-norm"]
)
def test_trajectories_of_gains_are_kept_and_begin_at_a_fifth(name: str) -> None:
    experiment, mixer = load_preset(f"codeparrot-{name}"), mixer_of(f"codeparrot-{name}")
    assert experiment.training.diagnostics == ("gains",)
    for projection in (mixer.value, mixer.first_value or mixer.value, mixer.output):
        assert isinstance(projection, ResidualConfig) and projection.trainable_gains
        assert (projection.skip, projection.residual) == (1.0, 0.2)


@pytest.mark.parametrize(
    ("name", "slope"), [("relu", 0.01), ("leaky-relu-0.2", 0.2), ("leaky-relu-0.8", 0.8)]
)
def test_without_any_skip_a_block_learns_ten_times_as_slowly(name: str, slope: float) -> None:
    experiment = load_preset(f"codeparrot-no-skip-{name}")
    block = experiment.model.block
    assert isinstance(block, SkiplessConfig) and block.mixer_skip is None and block.feed_forward_skip == 0.0
    assert block.trainable_gains == ("mixer_residual", "feed_forward_residual")
    assert experiment.model.negative_slope == slope and experiment.training.schedule.peak == 1e-4  # type: ignore[union-attr]
