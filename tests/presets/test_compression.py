"""From a preset, or none, and what is asked to the settings of a compression, each with its origin."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthcli.compress.config import DistillConfig, HealConfig, MergeConfig, PipelineConfig, ProbeConfig
from synthcli.errors import SynthError
from synthcli.presets import dump, load_preset, preset_names
from synthcli.presets.compression import load_compression
from synthcli.presets.merge import trace
from synthcli.presets.old_names import IDLE, KEYS, WORDS
from synthcli.runs.finding import find_run, list_runs

GRID = [name for name in preset_names() if name.startswith("bert-distill-block-")]
NAME = "bert-distill-block-0-heads-1-dk-16"


def asked(verb: str, preset: str | None = None, scale: str | None = None, **settings: Any) -> Any:
    return load_compression(verb, preset, scale, flags=trace(settings, "--flag")).config


@pytest.mark.parametrize("scale", ["smoke", None])
def test_every_preset_of_the_papers_grid_distills_its_own_student(scale: str | None) -> None:
    assert len(GRID) == 36
    for name in GRID[:: 1 if scale else 5]:
        block, heads, d_head = (int(word) for word in name.split("-") if word.isdecimal())
        found = load_compression("distill-block", name, scale)
        assert found.config.blocks == (block,) and found.name == name
        assert found.model is not None and found.model.encoder is not None
        student = found.model.mixer_of(found.model.encoder, block)
        assert (student.kind, student.heads, student.d_head) == ("attention", heads, d_head)  # type: ignore[union-attr]
        assert found.config.max_length == (18 if scale == "smoke" else 40)
        if scale is None:
            assert (found.config.epochs, found.config.limit, found.config.batch_size) == (50, None, 64)
            assert found.config.teacher == "bert-base-uncased" and found.config.learning_rate == 1e-3
        else:
            assert (found.config.epochs, found.config.steps, found.config.limit) == (None, 60, 300)


def test_what_is_asked_comes_before_the_preset() -> None:
    found = asked("distill-block", NAME, steps=7, limit=9, criterion="cosine", seed=3, source="here")
    assert (found.epochs, found.steps, found.seed, found.source) == (None, 7, 3, "here")
    assert (found.criterion, found.limit) == ("cosine", 9)
    other = load_compression("distill-block", NAME, flags=trace({"mixer": "random"}, "--mixer"))
    assert other.name is None and other.config.names_students
    assert asked("distill-block", NAME, blocks="all").blocks == "all"


def test_set_and_config_reach_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    path.write_text("[compress]\nclip = 0.5\nlimit = 11\n[training]\nseed = 4\n")
    alone = tmp_path / "alone.toml"
    alone.write_text("[compress]\nclip = 0.5\nlimit = 11\n")
    words = ["compress.limit=12", "compress.warmup=0.1"]
    found = load_compression(
        "distill-block", None, None, alone, words, trace({"blocks": [1]}, "--block")
    ).config
    assert (found.clip, found.limit, found.warmup, found.blocks) == (0.5, 12, 0.1, (1,))
    own = load_compression("distill-block", NAME, None, path, words).config
    assert (own.clip, own.limit, own.warmup, own.seed) == (0.5, 12, 0.1, 4)


def test_a_command_alone_has_its_own_defaults() -> None:
    assert asked("distill-block", blocks=[4]) == DistillConfig(blocks=(4,), limit=2000)
    assert asked("merge-layers", blocks="all") == MergeConfig(start="pooled", limit=2000)
    assert asked("heal") == HealConfig() and asked("probe") == ProbeConfig(limit=500)
    rates = [asked("distill-block", mixer=mixer).learning_rate for mixer in ("dense", "sru")]
    assert rates == [1e-3, 5e-3]


def test_a_pipeline_has_corrected_targets() -> None:
    found = asked("distill-block", "bert-half-pipeline", "hour")
    assert isinstance(found, PipelineConfig) and found.blocks == tuple(range(12))
    assert (found.conditioned, found.steps, found.heal_steps) == ("corrected", 200, 500)


def test_seed_and_source_are_the_presets() -> None:
    overrides = ["training.seed=5", "data.source=there"]
    experiment = load_preset(NAME, None, None, overrides)
    assert isinstance(experiment.compress, DistillConfig)
    assert (experiment.compress.seed, experiment.compress.source) == (5, "there")
    assert experiment.source_of("compress.seed") == "derived from training.seed"
    assert load_preset(NAME, None, None, [*overrides, "compress.seed=2"]).compress.seed == 2  # type: ignore[union-attr]


def test_show_tells_where_each_setting_comes_from() -> None:
    lines = dump(load_preset(NAME, "smoke", None, ["compress.limit=7"])).splitlines()
    table = {
        line.split(" = ")[0]: line.split("#")[1].strip() for line in lines if " = " in line and "#" in line
    }
    assert table["limit"] == "--set" and table["conditioned"] == "default"
    assert table["max_length"] == "scale smoke of bert-distill.toml"


OLD = """\
extends = "bert-distil"
title = "as it was written"
[compress]
method = "distil-block"
blocks = [0]
data = "text"
sequence_length = 12
group = 2
hidden = 0.0
temperature = 1.0
train_only = []
[scale.smoke.compress]
data = "two-letters"
"""


HEALED = """\
extends = "bert-heal"
title = "as it was written"
[compress]
blocks = [0, 1]
criterion = "kl-output"
start = "best"
"""


def test_what_was_written_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text(OLD)
    found = load_preset(str(path)).compress
    assert isinstance(found, DistillConfig) and (found.corpus, found.max_length) == ("text", 12)
    small = load_preset(str(path), "smoke", None, ["compress.sequence_length=9"]).compress
    assert isinstance(small, DistillConfig) and (small.corpus, small.max_length) == ("two-letters", 9)
    path.write_text(HEALED)
    assert isinstance(load_preset(str(path)).compress, HealConfig)
    new = {key for kind in (DistillConfig, MergeConfig, HealConfig) for key in kind.model_fields}
    assert not KEYS.keys() & new and new >= {*KEYS.values(), *WORDS, *IDLE}


def test_both_spellings_of_a_preset_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {name: name.replace("distill", "distil") for name in GRID}
    assert not {*old.values()} & {*preset_names()}
    for name, before in old.items():
        assert load_preset(before, "smoke") == load_preset(name, "smoke")
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path))
    for name in (GRID[0], old[GRID[1]]):
        (tmp_path / name / "20261121-090412-8f3a").mkdir(parents=True)
        (tmp_path / name / "20261121-090412-8f3a" / "preset.toml").touch()
    for name, before in ((GRID[0], old[GRID[0]]), (GRID[1], old[GRID[1]])):
        assert find_run(name) == find_run(before) and len(list_runs(name=before)) == 1


REFUSED = [
    ("distill-block", {"criterion": "kl"}, '`compress.criterion` = "kl" (from --flag), allowed: `mse` or'),
    ("distill-block", {"d_ff": 3}, "`compress.d_ff` (from --flag) is no key"),
    ("distill-block", {"blocks": [1, 1]}, "`compress`: block 1 is named twice"),
    ("distill-block", {"blocks": [2, 1]}, "`blocks` is [2, 1], allowed: layers counted from 0, rising"),
    ("distill-block", {"blocks": [-1]}, "`blocks` is [-1], allowed: layers counted from 0, rising"),
    ("distill-block", {"steps": 3, "epochs": 2}, "one of `steps` and `epochs` says how long to train"),
    ("distill-block", {"heads": 0}, "`compress.heads` = 0 (from --flag), allowed: a whole number > 0"),
    ("distill-block", {"group": 2}, "`compress.group` (from --flag) is no key"),
    ("merge-layers", {"blocks": [0, 2]}, "layers `0 2` are not neighbours in rising order"),
    ("merge-layers", {"blocks": [1], "group": 1}, "`1` is one layer, and merging takes two or more"),
    ("heal", {"steps": 0}, "`compress.steps` = 0 (from --flag), allowed: a whole number > 0"),
    ("probe", {"limit": "many"}, '`compress.limit` = "many" (from --flag), allowed: a whole number > 0'),
]


@pytest.mark.parametrize(("verb", "settings", "message"), REFUSED)
def test_what_cannot_be_is_refused_with_its_origin(verb: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SynthError) as caught:
        asked(verb, **settings)
    assert message in caught.value.message
    assert caught.value.hint.startswith(f"`synth {verb} --help`")


def test_healing_belongs_to_a_pipeline() -> None:
    with pytest.raises(SynthError, match=r"`compress.heal_steps` \(from --set\) is no key"):
        load_preset(GRID[0], None, None, ["compress.heal_steps=3"])
    with pytest.raises(
        SynthError, match=r'`compress.method` = "merge" \(from --set\); known: `distill-block`'
    ):
        load_preset(GRID[0], None, None, ["compress.method=merge"])


def test_a_run_keeps_what_it_was_made_by() -> None:
    for kind in (DistillConfig, MergeConfig, HealConfig, ProbeConfig):
        written = json.dumps(kind().model_dump(mode="json", exclude_none=True))
        assert kind.model_validate_json(written, strict=True) == kind()
    epochs = DistillConfig(epochs=3)
    assert "steps" not in epochs.model_dump() and epochs.on(65).steps == 9
