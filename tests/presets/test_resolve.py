"""Precedence, scales, provenance, and every mistake reported at once."""

from pathlib import Path
from typing import get_args

import pytest

from synthcli.data.corpora import CORPORA
from synthcli.errors import SynthError
from synthcli.evaluation.config import MetricName
from synthcli.model_config.names import ActivationName
from synthcli.presets import differences, dump, find_preset, load_preset, preset_names
from synthcli.presets.files import read_preset

HINT = (
    "\nhint: `synth presets show wmt14-dense` prints every key of a preset, its value and where it comes from"
)


def refusal(name: str = "wmt14-dense", scale: str | None = None, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(SynthError) as caught:
        load_preset(name, scale, overrides=overrides)
    return str(caught.value)


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def families() -> dict[str, list[str]]:
    """Return the presets by the family each extends."""
    found: dict[str, list[str]] = {}
    for name in preset_names():
        found.setdefault(read_preset(find_preset(name))["extends"], []).append(name)
    return found


# the first and the last preset of each family, and those that have tables of their own
DUMPED = sorted(
    {min(names) for names in families().values()}
    | {max(names) for names in families().values()}
    | {"wmt14-dense", "bert-distill-block-10-heads-8-dk-64", "crammed-glue-stsb-skipless", "codeparrot-op"}
)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["paper", "smoke", "hour"])
@pytest.mark.parametrize("name", DUMPED)
def test_a_preset_dumps_to_an_equal_one(name: str, scale: str, tmp_path: Path) -> None:
    experiment = load_preset(name, scale)
    assert (experiment.name, experiment.scale) == (name, scale)
    again = load_preset(written(tmp_path, dump(experiment), "preset.toml"))
    assert again == experiment
    assert differences(experiment, again) == []


def test_smoke_runs_on_built_in_corpora() -> None:
    corpora = {load_preset(name, "smoke").data.corpus for name in DUMPED}
    stdlib = {f"stdlib-{what}" for what in ("bytes", "code", "docstrings", "topics")}
    assert corpora == {"reverse", "two-letters", *stdlib}


def test_precedence_is_set_config_scale_preset_parent_default(tmp_path: Path) -> None:
    mine = written(
        tmp_path,
        'extends = "wmt14-dense"\ntitle = "mine"\n[training]\nseed = 5\nclip = 2.0\n'
        "[scale.smoke.training]\nclip = 3.0\nsteps = 10\n",
    )
    config = Path(written(tmp_path, "[training]\nsteps = 20\nlabel_smoothing = 0.2\n", "settings.toml"))
    made = load_preset(mine, "smoke", config, ["training.label_smoothing=0.3"])
    training = made.training
    assert (training.seed, training.clip, training.steps, training.label_smoothing) == (5, 3.0, 20, 0.3)
    assert made.data.corpus == "reverse"
    assert {key: made.source_of(key) for key in ORIGINS} == ORIGINS | {
        "training.steps": f"--config {config}",
    }


ORIGINS = {
    "name": "the name of mine.toml",
    "title": "mine.toml",
    "scale": "--scale",
    "training.label_smoothing": "--set",
    "training.steps": "",
    "training.clip": "scale smoke of mine.toml",
    "data.corpus": "scale smoke of wmt14.toml",
    "training.seed": "mine.toml",
    "model.mixer.scores": "wmt14-dense.toml",
    "model.task": "wmt14.toml",
    "paper.arxiv": "synthesizer.toml",
    "model.vocab_size": "derived from data.tokenizer.vocab_size",
    "model.norm_eps": "default",
}


def test_a_scale_of_steps_drops_the_epochs_it_inherits() -> None:
    training = load_preset("wmt14-dense", "smoke").training
    assert training.steps is not None and training.epochs is None


def test_another_schedule_takes_no_keys_of_the_old_one() -> None:
    overrides = ["training.schedule.kind=cosine", "training.schedule.peak=1e-3"]
    assert "factor" not in load_preset("wmt14-dense", overrides=overrides).training.schedule.model_dump()


def test_classes_follow_the_corpus() -> None:
    experiment = load_preset("agnews-dense")
    assert experiment.model.num_classes == 4
    assert experiment.source_of("model.num_classes") == "derived from data.corpus"


def test_a_vocabulary_follows_the_tokenizer_unless_it_was_given() -> None:
    experiment = load_preset("wmt14-dense")
    assert experiment.fit_to_store(31_990).model.vocab_size == 31_990
    padded = load_preset("wmt14-dense", overrides=["model.vocab_size=32768"])
    assert padded.fit_to_store(32_000).model.vocab_size == 32_768
    small = load_preset("wmt14-dense", overrides=["model.vocab_size=100"])
    with pytest.raises(SynthError) as caught:
        small.fit_to_store(32_000)
    assert str(caught.value) == (
        "`model.vocab_size` = 100 is less than the tokenizer's 32000\n"
        "hint: leave `model.vocab_size` out: it follows the tokenizer"
    )


def test_a_resolved_file_keeps_its_scale(tmp_path: Path) -> None:
    path = written(tmp_path, dump(load_preset("wmt14-dense", "smoke")), "preset.toml")
    assert load_preset(path, "smoke") == load_preset("wmt14-dense", "smoke")
    assert refusal(path, "hour") == (
        f"`{path}` was resolved at scale `smoke`, it cannot be run at `hour`\n"
        "hint: start from the preset it was made of"
    )


def test_differences_are_named_key_by_key() -> None:
    old, new = load_preset("wmt14-dense"), load_preset("wmt14-dense", overrides=["training.steps=7"])
    assert differences(old, new) == ["`training.steps`: absent → 7", "`training.epochs`: 7 → absent"]


PAIRS = ", ".join(f"`{name}`" for name, corpus in CORPORA.items() if corpus.kind == "pairs")
ACTIVATION_NAMES = " or ".join(f"`{name}`" for name in get_args(ActivationName))
METRIC_NAMES = " or ".join(f"`{name}`" for name in get_args(MetricName))
MISTAKES = {
    "training.stepz=3": "`training.stepz` (from --set) is no key; did you mean `steps`?",
    "modle.x=3": "`modle` (from --set) is no key; did you mean `model`?",
    "training.seed=x": '`training.seed` = "x" (from --set), allowed: a whole number ≥ 0',
    "data.batch.size=-1": "`data.batch.size` = -1 (from --set), allowed: a whole number ≥ 1",
    'data.batch.size="8"': '`data.batch.size` = "8" (from --set), allowed: a whole number ≥ 1',
    "model.dropout=1.5": "`model.dropout` = 1.5 (from --set), allowed: a number ≥ 0 and < 1",
    "model.activation=gelo": (
        f'`model.activation` = "gelo" (from --set), allowed: {ACTIVATION_NAMES}; did you mean `gelu`?'
    ),
    "model.mixer.scorez=[]": "`model.mixer.scorez` (from --set) is no key; did you mean `scores`?",
    "model.mixer.kind=srup": '`model.mixer.kind` = "srup" (from --set); did you mean `srupp`?',
    "training.schedule.kind=cosin": '`training.schedule.kind` = "cosin" (from --set); did you mean `cosine`?',
    'model.mixer.scores=[{kind="dens"}]': (
        '`model.mixer.scores.0.kind` = "dens" (from --set); did you mean `dense`?'
    ),
    'model.mixer.scores=[{kind="dense", hiden=3}]': (
        "`model.mixer.scores.0.hiden` (from --set) is no key; did you mean `hidden`?"
    ),
    "model.mixer.scores=[{input=3}]": (
        "`model.mixer.scores.0` (from --set) has no `kind`, allowed: "
        "`dense`, `dot-product`, `factorized-dense`, `factorized-random`, `random`, `relative`"
    ),
    "evaluation.metrics=[]": (
        f"`evaluation.metrics` = [] (from --set), allowed: a list of ≥ 1, each item {METRIC_NAMES}"
    ),
    "data.corpus=wmt14-en-d": (
        '`data.corpus` = "wmt14-en-d" (from --set) is no corpus; did you mean `wmt14-en-de`?'
    ),
    "data.corpus=ag-news": (
        '`data.corpus` = "ag-news" (from --set) holds labelled, and `seq2seq` reads pairs, allowed: ' + PAIRS
    ),
    'model.block.trainable_gains=["mixer_skip", "mixer"]': (
        '`model.block.trainable_gains.1` = "mixer" (from --set), allowed: `mixer_skip` or `mixer_residual` '
        "or `feed_forward_skip` or `feed_forward_residual`; did you mean `mixer_skip`?"
    ),
    "data.tokenizer=3": "`data.tokenizer` = 3 (from --set), allowed: a table",
    "training.schedule.kind=cosine": "`training.schedule.peak` is missing, allowed: a number > 0",
    "model.d_model=511": "`model`: layer 0 of the encoder: `heads = 8` does not divide `d_model = 511`",
    "name=a b": '`name` = "a b" (from --set), allowed: a string that matches `^[A-Za-z0-9][A-Za-z0-9._-]*$`',
}


@pytest.mark.slow
@pytest.mark.parametrize("override", MISTAKES)
def test_a_mistake_names_key_value_origin_and_what_is_allowed(override: str) -> None:
    said = MISTAKES[override]
    hint = HINT if "(from --" in said else HINT.replace("wmt14-dense", "NAME")
    assert refusal(overrides=(override,)) == f"preset `wmt14-dense`: {said}{hint}"


def test_all_mistakes_are_reported_at_once() -> None:
    overrides = ("training.stepz=3", "training.seed=x", "model.activation=gelo", "data.batch.size=-1")
    assert refusal(overrides=overrides) == (
        "preset `wmt14-dense` has 4 problems:\n"
        f'  `model.activation` = "gelo" (from --set), allowed: {ACTIVATION_NAMES}; did you mean `gelu`?\n'
        "  `data.batch.size` = -1 (from --set), allowed: a whole number ≥ 1\n"
        '  `training.seed` = "x" (from --set), allowed: a whole number ≥ 0\n'
        f"  `training.stepz` (from --set) is no key; did you mean `steps`?{HINT}"
    )


def test_an_unknown_scale_names_the_nearest() -> None:
    assert refusal(scale="smok") == "`wmt14-dense` has no scale `smok`\nhint: did you mean `smoke`?"


def test_settings_are_no_preset(tmp_path: Path) -> None:
    path = Path(written(tmp_path, 'extends = "wmt14"\n'))
    with pytest.raises(SynthError) as caught:
        load_preset("wmt14-dense", config_file=path)
    assert str(caught.value) == (
        f"`extends` has no meaning in `--config {path}`\n"
        "hint: it holds tables such as `[training]`; a preset file takes the place of the preset"
    )


def test_an_overlay_is_a_table(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "wmt14-dense"\n[scale]\nsmoke = 3\n')
    assert refusal(path, "smoke") == (
        "`scale.smoke` of `mine.toml` is not a table\nhint: write `[scale.smoke]` and keys below it"
    )
