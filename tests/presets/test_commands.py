"""`synth presets` and `synth plan`: data on stdout, everything else on stderr."""

import json
from pathlib import Path

import pytest

from synthcli.cli.plan import plan
from synthcli.cli.presets import cp, ls, show, validate
from synthcli.errors import SynthError
from synthcli.presets import dump, load_preset, preset_names

PEERS = ["enwik8-pre-norm", "enwik8-transformer-xl", "iwslt14-pre-norm", "iwslt14-srupp"]


def test_ls_names(capsys: pytest.CaptureFixture[str]) -> None:
    ls(names=True)
    out, err = capsys.readouterr()
    assert (out.split(), err) == (preset_names(), "")
    ls(names=True, paper="2102.12459")
    of_srupp = capsys.readouterr().out.split()
    assert [name for name in of_srupp if not name.startswith("srupp-")] == PEERS
    assert len(of_srupp) == 9 + 7 + 3 + len(PEERS)
    ls(names=True, paper="srupp")
    assert capsys.readouterr().out.split() == of_srupp


@pytest.mark.parametrize(
    "paper, name, shown",
    [
        ("srupp", "srupp-wikitext-103-base", " 147.7 M perplexity 18.30, gpu-days 8*, parameters 148 M*"),
        ("simplified-blocks", "codeparrot-skipless", " 146.0 M repository parameters 146.002 M*"),
        ("bert-blocks", "bert-base-wikitext-2", " 109.5 M repository parameters 109.514 M*"),
    ],
)
def test_ls_of_a_paper_shows_parameters_and_claims(
    paper: str, name: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ls(paper=paper)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith(f"{name} ") and shown in line for line in lines)


def test_ls_of_an_unknown_paper_names_the_nearest() -> None:
    with pytest.raises(SynthError) as caught:
        ls(paper="synthesiser")
    assert str(caught.value) == (
        "no preset belongs to the paper `synthesiser`\nhint: did you mean `synthesizer`?"
    )


def test_ls_json_holds_parameters_and_claims(capsys: pytest.CaptureFixture[str]) -> None:
    ls(as_json=True, paper="synthesizer")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == 10 * 9 + 9 * 5 + 8 * 5 + 3  # and what synthesizers are held against
    dense = rows["wmt14-dense"]
    where = {key: value for key, value in dense["paper"].items() if value is not None}
    assert where == {"name": "synthesizer", "arxiv": "2005.00743", "table": "2", "row": "dense"}
    claims = {key: (claim["value"], bool(claim["second"])) for key, claim in dense["claims"].items()}
    assert claims == {
        "synthesizer/tab2-dense-bleu-de": (27.43, True),
        "synthesizer/tab2-dense-size-de": (62e6, True),
        "synthesizer/repository-translation-dense": (23.06, False),
        "synthesizer/narang-dense-bleu": (26.63, False),
    }


def test_ls_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    ls(paper="synthesizer")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["preset", "title", "made", "by", "parameters", "claims"]
    assert any(line.startswith("wmt14-vanilla ") and " 60.8 M " in line for line in lines)
    assert err == "*: one source only\nnext: `synth presets show NAME`, `synth train NAME`\n"


def test_show_prints_what_dump_writes(capsys: pytest.CaptureFixture[str]) -> None:
    show("wmt14-dense", "smoke", None, ["training.seed=3"])
    shown = capsys.readouterr().out
    assert shown == dump(load_preset("wmt14-dense", "smoke", overrides=["training.seed=3"]))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "seed = 3 # --set" in lines
    assert 'corpus = "reverse" # scale smoke of wmt14.toml' in lines
    assert "vocab_size = 260 # derived from data.tokenizer.vocab_size" in lines


def test_show_json(capsys: pytest.CaptureFixture[str]) -> None:
    show("wmt14-dense", as_json=True)
    table = json.loads(capsys.readouterr().out)
    assert table["data"]["corpus"] == "wmt14-en-de"
    assert table["sources"]["data.corpus"] == "wmt14.toml"


def test_cp_writes_a_file_that_extends_and_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    cp("wmt14-dense", path)
    mine, theirs = load_preset(str(path)), load_preset("wmt14-dense")
    assert mine.name == "mine"
    assert mine.model == theirs.model and mine.training == theirs.training
    assert "`synth presets validate" in capsys.readouterr().err
    before = path.read_text()
    with pytest.raises(SynthError) as caught:
        cp("wmt14-vanilla", path)
    assert str(caught.value) == f"`{path}` exists already\nhint: choose another file with `-o FILE`"
    assert path.read_text() == before


def test_cp_of_a_file_extends_that_file(tmp_path: Path) -> None:
    cp("wmt14-dense", tmp_path / "one.toml")
    (tmp_path / "folder").mkdir()
    cp(str(tmp_path / "one.toml"), tmp_path / "folder" / "two.toml")
    assert load_preset(str(tmp_path / "folder" / "two.toml")).model == load_preset("wmt14-dense").model


@pytest.mark.parametrize(
    "name, message",
    [
        ("mine.txt", "`{path}` does not end in `.toml`\nhint: write to `{path}.toml`"),
        ("no/mine.toml", "no folder `{parent}`\nhint: create it, or choose another with `-o FILE`"),
    ],
)
def test_cp_to_nowhere_is_refused(name: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(SynthError) as caught:
        cp("wmt14-dense", path)
    assert str(caught.value) == message.format(path=path, parent=path.parent)
    assert list(tmp_path.iterdir()) == []


def test_validate_reports_every_fault_of_every_scale(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'extends = "wmt14-dense"\n[training]\nclip = -1\n[scale.hour.training]\nstepz = 3\n'
        '[scale.day.model.mixer]\nscores = [{ kind = "factorized-dense", a = 7 }]\n'
    )
    clip = "`training.clip` = -1 (from mine.toml), allowed: a number ≥ 0"
    with pytest.raises(SynthError) as caught:
        validate([str(path), "wmt14-vanilla", "wmt14-dens"])
    assert str(caught.value) == (
        f"preset `{path}`: {clip}\n"
        f"preset `{path}` has 2 problems:\n  {clip}\n"
        "  `training.stepz` (from scale hour of mine.toml) is no key; did you mean `steps`?\n"
        "no preset is called `wmt14-dens`\n"
        "hint: `synth presets show NAME` prints every key of a sound preset"
    )
    path.write_text(path.read_text().replace("clip = -1", "clip = 1").replace("stepz", "steps"))
    with pytest.raises(SynthError) as caught:
        validate([str(path)])
    assert caught.value.message == (
        f"preset `{path}`: `a = 7` of factorized-dense does not divide the length 128"
    )


def test_validate_says_what_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    validate(["wmt14-dense"])
    assert capsys.readouterr().err == "sound: wmt14-dense\nnext: `synth train wmt14-dense`\n"


def test_plan_of_one_preset_lists_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    plan(["agnews-random-fixed"])
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1:] == [
        "scale paper",
        "corpus ag-news",
        "rows 120,000",
        "batch, sequences 128",
        "steps 1,876",
        "epochs 2",
        "parameters 35,426,308",
        "trainable 32,280,580",
        "embeddings 16,515,072",
        "all others 18,911,236",
        "longest source 256",
        "sequences seen 240,000",
        "tokens seen, at most 61,440,000",
        "training FLOPs, about 7.0e+15",
    ]
    assert err == (
        "rows as published; FLOPs are an estimate: 6 · parameters · tokens at full length\n"
        "next: `synth prepare-corpus ag-news --tokenizer sentencepiece-unigram --vocab-size 32000`, "
        "then `synth train agnews-random-fixed`\n"
    )


def test_plan_of_several_presets_is_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    plan(["lm1b-dense", "agnews-dense"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["lm1b-dense", "1,183,635", "42,626,048", "42,626,048", "9.9e+18"],
        ["agnews-dense", "1,876", "33,278,980", "33,278,980", "6.2e+15"],
    ]
    plan(["lm1b-dense", "agnews-dense"], as_json=True)
    assert [one["steps"] for one in json.loads(capsys.readouterr().out)] == [1_183_635, 1_876]


def test_plan_warns_of_a_long_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    plan(["agnews-dense"], set_=["training.steps=100"])
    err = " ".join(capsys.readouterr().err.split())
    assert err.startswith(
        "warning: agnews-dense: `training.schedule.warmup_steps` = 1000 is longer than the training of 100"
    )
