"""Settings of several tables that mean nothing together are refused before a run begins."""

import pytest

from synthcli.errors import SynthError
from synthcli.presets import load_preset

CLASHES = [
    (
        "wmt14-dense",
        ["model.embeddings.cutoffs=[20,50]", "training.label_smoothing=0.1"],
        (
            "`training.label_smoothing = 0.1` has no meaning for an adaptive softmax; set it to 0, or "
            "leave out `embeddings.cutoffs`"
        ),
    ),
    *(
        (
            preset,
            ["training.label_smoothing=0.1"],
            (
                f"`training.label_smoothing = 0.1` spreads a target over classes, and `head.output = "
                f'"{output}"` has none; set it to 0'
            ),
        )
        for preset, output in (("glue-stsb-dense", "regression"), ("superglue-copa-dense", "choice"))
    ),
    (
        "codeparrot-pre-norm",
        ["data.layout=streams"],
        (
            '`data.layout = "streams"` carries a state of a fixed size from segment to segment, and '
            '`attention` has none; use mixers of kind "sru" or "srupp", or `data.layout = "packed"`'
        ),
    ),
    (
        "codeparrot-pre-norm",
        ["evaluation.window=64"],
        (
            "`evaluation.window = 64` is of the past that only a split read as streams has, and "
            '`data.layout = "packed"` reads it in pieces; leave it out, or set `data.layout = "streams"`'
        ),
    ),
    (
        "wmt14-dense",
        ["evaluation.streams=3"],
        (
            "`evaluation.streams = 3` are parts that only a split read as streams has, and "
            '`data.layout = "rows"` reads it in pieces; set it to 1, or set `data.layout = "streams"`'
        ),
    ),
    (
        "srupp-enwik8-base",
        ["evaluation.context=64"],
        (
            "`evaluation.context = 64` lets windows of packed text overlap, for a causal-lm with "
            '`data.layout = "packed"`'
        ),
    ),
    (
        "enwik8-pre-norm",
        ["evaluation.context=1024"],
        ("`evaluation.context = 1024` leaves nothing to predict of a window, `decoder.max_length = 1024`"),
    ),
    (
        "srupp-enwik8-base",
        ["model.embeddings.positions=learned"],
        (
            '`embeddings.positions = "learned"` ends after 1024 positions, and `data.layout = "streams"` '
            'has no end; use "none", "rotary", "alibi" or "sinusoidal"'
        ),
    ),
    (
        "srupp-enwik8-base",
        ['model.mixer.scores=[{kind="random"}]'],
        (
            "`evaluation.window = 3072` is more than the tables of `random` scores hold: a segment "
            "and as many positions before it, `max_length = 1024`"
        ),
    ),
]


@pytest.mark.parametrize(("preset", "overrides", "message"), CLASHES)
def test_settings_that_mean_nothing_together_are_refused(
    preset: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(SynthError) as error:
        load_preset(preset, overrides=overrides)
    assert error.value.message == f"preset `{preset}`: {message}"


def test_a_table_of_scores_reaches_over_the_segment_before() -> None:
    overrides = ['model.mixer.scores=[{kind="random"}]', "evaluation.window=1024"]
    assert load_preset("srupp-enwik8-base", overrides=overrides).evaluation.window == 1024
