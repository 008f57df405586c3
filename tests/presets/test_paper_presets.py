"""Every preset of the library at every scale: it loads, it builds, and its paper's counts are met."""

from functools import cache

import pytest
import torch

from synthcli.claims.printed import figures_by_preset
from synthcli.model import build, count_parameters
from synthcli.presets import find_preset, load_preset, preset_names
from synthcli.presets.scales import scales_of
from synthcli.presets.schema import Experiment
from synthcli.presets.sizes import RECORD, key_of, measure_model, read_recorded_sizes

from .record_sizes import measured, text_of

PARAMETERS = {
    "codeparrot-pre-norm": 166_645_248,
    "codeparrot-parallel": 166_631_424,
    "codeparrot-skipless": 146_002_112,
    "codeparrot-skipless-parallel": 145_988_270,
    "codeparrot-skipless-parallel-no-norm": 145_975_982,
    "codeparrot-value-skipinit": 166_645_950,
    "codeparrot-value-gains": 166_646_022,
    "codeparrot-op": 166_621_440,
    "crammed-bert-pre-norm": 119_589_889,
    "srupp-wikitext-103-base": 147_676_036,
    "srupp-wikitext-103-large": 231_690_116,
    "srupp-wikitext-103-large-ratio-8": 233_741_476,
    "srupp-wikitext-103-large-ratio-8-k5": 224_884_892,
    "srupp-lm1b-base": 328_313_738,
    "srupp-lm1b-large-k5": 465_318_274,
    "bert-base-wikitext-2": 109_514_298,
}
SYMBOLS_OF_ENWIK8 = {  # by the symbols the original finds: without and with one more for the end
    "srupp-enwik8-base": {204: 107_560_150, 205: 107_566_295},
    "srupp-enwik8-large": {204: 190_599_382, 205: 190_607_575},
    "srupp-enwik8-large-ratio-8": {204: 194_981_782, 205: 194_993_815},
    "srupp-enwik8-42m-attention-10": {204: 42_341_974, 205: 42_345_815},
}


@cache
def at_every_scale(name: str) -> tuple[Experiment, ...]:
    return tuple(load_preset(name, scale) for scale in scales_of(name))


def parameters(experiment: Experiment) -> int:
    return measure_model(experiment.model.model_dump_json()).total


@pytest.mark.slow
@pytest.mark.parametrize("name", preset_names())
def test_a_preset_loads_at_every_scale_and_says_where_it_was_published(name: str) -> None:
    experiments = at_every_scale(name)
    assert {"paper", "smoke", "hour"} <= {one.scale for one in experiments}
    for one in experiments:
        assert one.name == name and one.title
        assert one.paper is not None and (one.paper.arxiv or one.paper.url)
        assert one.paper.name == find_preset(name).parent.name
        assert one.paper.row or one.paper.table or one.paper.figure


@pytest.mark.slow
def test_every_model_builds_and_is_as_large_as_the_record_says() -> None:
    """Where it is not, `python -m tests.presets.record_sizes` writes the record anew."""
    sizes = measured()
    assert len(sizes) > 100
    assert read_recorded_sizes() == sizes and RECORD.read_text() == text_of(sizes)


def test_another_model_is_built_to_be_measured() -> None:
    experiment = load_preset("wmt14-dense", "smoke", None, ["model.d_model=48"])
    with torch.device("meta"):
        model = build(experiment.model)
    text = experiment.model.model_dump_json()
    assert key_of(text) not in read_recorded_sizes()
    size = measure_model(text)
    assert size.total == size.trainable == count_parameters(model)
    assert size.encoder == count_parameters(model.encoder)
    assert size.decoder == count_parameters(model.decoder)


def test_smoke_is_small_and_needs_nothing_from_elsewhere() -> None:
    for name in preset_names():
        smoke = load_preset(name, "smoke")
        assert smoke.data.corpus in ("reverse", "two-letters", *(f"stdlib-{kind}" for kind in STANDARD)), name
        assert smoke.start is None and smoke.training.steps is not None, name
        assert smoke.training.steps <= 500 and parameters(smoke) < 5e6, name


STANDARD = ("bytes", "code", "docstrings", "topics")


@pytest.mark.parametrize("name, count", PARAMETERS.items())
def test_a_model_has_the_parameters_its_paper_counts(name: str, count: int) -> None:
    assert parameters(load_preset(name)) == count


@pytest.mark.parametrize("name, counts", SYMBOLS_OF_ENWIK8.items())
def test_a_byte_model_has_the_parameters_of_the_original_vocabulary(
    name: str, counts: dict[int, int]
) -> None:
    model = load_preset(name).model
    for symbols, count in counts.items():
        fitted = model.model_copy(update={"vocab_size": symbols})
        assert measure_model(fitted.model_dump_json()).total == count


def test_counted_numbers_are_claims() -> None:
    """What is counted here is what the ledger counts; enwik8's are of another vocabulary."""
    for name, count in PARAMETERS.items():
        values = [table["value"] for table in figures_by_preset().get(name, {}).values()]
        assert count in values, name


def test_what_enters_the_softmax_of_srupp_is_dropped_out_as_its_layers_are() -> None:
    """Its code has one rate for both; a smaller scale that changes one must change the other."""
    for name in (name for name in preset_names() if name.startswith("srupp-")):
        for one in at_every_scale(name):
            assert one.model.head.dropout == one.model.dropout, (name, one.scale)


def test_every_scale_warms_up_for_less_than_it_trains() -> None:
    for name in preset_names():
        for one in at_every_scale(name):
            if one.training.steps is not None and not name.startswith("crammed-bert"):
                assert one.training.schedule.warmup_steps <= one.training.steps / 2, (name, one.scale)


def test_crammed_bert_is_at_its_highest_rate_after_three_quarters_of_every_scale() -> None:
    """He & Hofmann 2023, appendix D.2, which also grows batches from one micro-batch of 64."""
    names = [name for name in preset_names() if name.startswith("crammed-bert")]
    for name in names:
        for one in at_every_scale(name):
            assert one.training.steps is not None
            assert one.training.schedule.warmup_steps == 0.75 * one.training.steps, (name, one.scale)
        batch = load_preset(name).data.batch
        assert batch.ramp is not None and (batch.micro_size, batch.ramp.first) == (64, 64), name
    assert len(names) == 6


CODEPARROT = {  # He & Hofmann 2023, appendix D.1 and section 5 (three times the tokens): steps, highest rate
    "codeparrot-pre-norm": (43_000, 1e-3),
    "codeparrot-skipless-parallel": (43_000, 1e-3),
    "codeparrot-value-skipinit": (43_000, 1e-3),
    "codeparrot-pre-norm-long": (120_000, 1e-3),
    "codeparrot-parallel-long": (120_000, 1e-3),
    "codeparrot-skipless-long": (120_000, 1e-3),
    "codeparrot-skipless-parallel-long": (120_000, 1e-3),
    "codeparrot-skipless-depth72": (21_500, 1e-3),
    "codeparrot-value-skipinit-depth18": (21_500, 3e-4),
    "codeparrot-value-skipinit-depth72": (21_500, 1e-4),
}


@pytest.mark.parametrize(("name", "expected"), CODEPARROT.items())
def test_codeparrot_trains_as_long_and_as_fast_as_its_paper_says(
    name: str, expected: tuple[int, float]
) -> None:
    training = load_preset(name).training
    assert training.steps is not None
    assert (training.steps, training.schedule.peak) == expected
    assert training.schedule.warmup_steps == 0.05 * training.steps


def test_fine_tuning_has_the_block_of_the_training_before_it() -> None:
    """A block is written twice, once for each job; `start` must fit."""
    started = [one for name in preset_names() if (one := load_preset(name)).start is not None]
    assert started
    for one in started:
        assert one.start is not None
        before = load_preset(one.start.checkpoint).model
        assert one.model.block == before.block, one.name
        mine, theirs = (model.mixer.model_dump(exclude={"dropout"}) for model in (one.model, before))
        assert mine == theirs, one.name


def test_a_distilled_block_is_the_one_its_layer_replaces() -> None:
    distilled = [load_preset(name) for name in preset_names() if name.startswith("bert-distill-")]
    assert len(distilled) == 4 * 3 * 3
    for one in distilled:
        assert one.compress is not None and one.model.encoder is not None
        assert tuple(one.model.encoder.layer_mixers) == one.compress.blocks
