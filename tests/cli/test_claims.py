"""`synth claims` as it is typed: the list, one claim, a ledger with its controls, and from records alone."""

import json
from pathlib import Path

import pytest

from synthcli.claims import files
from synthcli.presets.files import library_folder

from .conftest import Synth

SMALL = [  # the scale smoke is laid over a preset: these are laid over the scale
    *("model.d_model=16", "model.d_ff=32", "model.mixer.heads=2", "model.encoder.layers=1"),
    *("model.decoder.layers=1", "training.steps=12", "training.evaluate_every=12", "training.save_every=12"),
    *("training.validation_examples=20", "training.schedule.warmup_steps=1"),
]
LIBRARY = {
    "mine": """
[size]
kind = "count"
says = "a tiny model has one parameter"
where = "Tab. 1"
seen = "nowhere"
value = 1.0
within = 0.5
arms = { tiny = "tiny.toml" }

[learns]
kind = "ordering"
says = "a model that learns is better"
where = "Tab. 2"
seen = "here"
measure = "perplexity"
order = "fast > slow"
arms = { fast = "tiny.toml: training.schedule.peak=0.02", slow = "tiny.toml: training.schedule.peak=1e-9" }
at.smoke = { seeds = 2, minutes = 0.1, settings = SMALL }
cannot.hour = "it is too small"

[reads-more]
kind = "equivalence"
says = "one training, evaluated twice"
where = "Tab. 4"
seen = "here"
measure = "bleu"
order = "one = two"
margin = 100.0
arms = { one = "tiny.toml", two = "tiny.toml: evaluation.length_penalty=0.9" }
at.smoke = { seeds = 2, minutes = 0.1, settings = SMALL }

[printed]
kind = "value"
says = "BLEU 40"
where = "Tab. 3"
seen = "here"
measure = "bleu"
value = 40.0
arms = { tiny = "tiny.toml" }
""",
    "controls": """
[same]
kind = "equivalence"
says = "a model is equivalent to itself"
where = "here"
source = "control"
seen = "by construction"
measure = "perplexity"
order = "one = other"
margin = 5.0
arms = { one = "tiny.toml", other = "tiny.toml: training.seed=1000" }
at.smoke = { seeds = 2, minutes = 0.1, settings = SMALL }

[planted]
kind = "ordering"
says = "a model that does not learn is better"
where = "here"
source = "control"
seen = "it is false by construction"
measure = "perplexity"
order = "slow > fast"
arms = { fast = "tiny.toml: training.schedule.peak=0.02", slow = "tiny.toml: training.schedule.peak=1e-9" }
at.smoke = { seeds = 2, minutes = 0.1, settings = SMALL }
""",
}


@pytest.fixture
def library(here: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Claims on models that train in a second, in place of the library's."""
    folder = here / "library"
    for family, text in LIBRARY.items():
        (folder / family).mkdir(parents=True)
        (folder / family / "claims.toml").write_text(text.replace("SMALL", json.dumps(SMALL)))
    monkeypatch.setattr(files, "library_folder", lambda: folder)
    files.all_claims.cache_clear()
    yield folder
    files.all_claims.cache_clear()


def words(said: str) -> str:
    return " ".join(said.split())


def test_claims_are_listed_by_family_and_kind(synth: Synth) -> None:
    said = synth("claims", "ls", "--family", "srupp", "--kind", "ordering")
    assert said.code == 0
    rows = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert "srupp/most-gain-from-few-layers" in rows and all(row.startswith("srupp/") for row in rows)
    table = json.loads(synth("claims", "ls", "bert-blocks", "--json").out)
    assert len(table) == 10 and {row["id"].split("/")[0] for row in table} == {"bert-blocks"}


def test_a_claim_is_shown_for_a_sceptic(synth: Synth) -> None:
    said = synth("claims", "show", "synthesizer/tab2-random-better-than-fixed")
    assert said.code == 0
    for part in (
        "Tab. 2 (paper)",
        "its own text was not found",
        "order random > random-fixed",
        "random-fixed = wmt14-random-fixed",
        "not tested: there translation is to reverse words",
        "--metric bleu",
        "core-hours",
        "GPU-hours",
    ):
        assert part in words(said.out), part


def test_the_command_that_is_shown_is_one(synth: Synth) -> None:
    """The `synth compare` of a claim plans the same runs."""
    import shlex

    out = synth("claims", "show", "synthesizer/tab2-lm-vanilla-better-than-random").out
    line = next(line.strip() for line in out.splitlines() if "synth compare" in line and "smoke" in line)
    plan = json.loads(synth(*shlex.split(line)[1:], "--plan", "--json").out)
    assert [row["arm"] for row in plan["arms"]] == ["vanilla", "random"] and plan["seeds"] == 5


@pytest.mark.slow
def test_a_ledger_has_verdicts_by_rule(synth: Synth, library: Path, here: Path) -> None:
    plan = json.loads(synth("claims", "run", "--plan", "--json").out)
    assert plan["missing"] == 6 + 4 + 2
    own = {"mine/size", "mine/learns", "mine/reads-more", "controls/same", "controls/planted"}
    assert set(plan["tests"]) == own
    said = synth("claims", "run", "--jobs", "2")
    assert said.code == 0, said.err + said.out
    assert len(list((here / "runs" / "tiny").iterdir())) == 4 + 2 + 2
    ledger = json.loads((here / "reports/ledger.json").read_text())
    found = {one["id"]: one for one in (*ledger["claims"], *ledger["controls"])}
    assert found["mine/size"]["verdict"] == "contradicted at paper"
    assert found["mine/learns"]["verdict"] == "direction holds at smoke"
    assert found["mine/printed"]["word"] == "not run" and "GPU-hours" in found["mine/printed"]["why"]
    assert found["controls/planted"]["word"] == "contradicted"
    assert found["controls/same"]["word"] in {"direction holds", "undecided"}
    relation = found["mine/learns"]["scales"]["smoke"]["relations"][0]
    assert relation["seeds"] == 2 and relation["interval"][0] > 0
    assert len(found["mine/learns"]["scales"]["smoke"]["runs"]) == 4
    page = (here / "reports/ledger.html").read_text()
    assert "<svg" in page and "a model that learns is better" in page
    text = (here / "reports/ledger.md").read_text()
    assert "## What holds" in text and "## What does not" in text and "## Controls" in text


@pytest.mark.slow
def test_records_alone_make_the_ledger_again(synth: Synth, library: Path, here: Path) -> None:
    assert synth("claims", "run", "--jobs", "1").code == 0
    kept = json.loads((here / "reports/ledger.json").read_text())
    (here / "runs").rename(here / "elsewhere")
    again = synth("claims", "report", "--records", "reports/records", "-o", "again", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["claims"] == kept["claims"]
    plan = json.loads(synth("claims", "run", "--records", "reports", "-o", "again", "--plan", "--json").out)
    assert plan["missing"] == 0 and plan["hours"] == 0


@pytest.mark.slow
def test_a_ledger_whose_controls_fail_is_not_to_be_believed(synth: Synth, library: Path, here: Path) -> None:
    path = library / "controls" / "claims.toml"
    path.write_text(path.read_text().replace('"slow > fast"', '"fast > slow"'))
    files.all_claims.cache_clear()
    said = synth("claims", "run", "--jobs", "1")
    assert said.code == 1
    assert (
        "control failed: `controls/planted`: a planted false claim came out as *direction holds at smoke*"
        in said.err
    )


def test_a_budget_says_what_it_leaves_out(synth: Synth, library: Path) -> None:
    said = synth("claims", "run", "--budget", "0.5m", "--jobs", "1", "--plan")
    assert said.code == 0 and "left out, about" in said.err and "mine/learns" in said.err
    assert "left out" not in synth("claims", "run", "--budget", "9m", "--jobs", "1", "--plan").err


@pytest.mark.parametrize(
    ("words_", "message", "hint"),
    [
        (("show", "srupp"), "`srupp` is a family of claims", "`synth claims ls srupp` lists them"),
        (("show", "srupp/redme-lm1b-base"), "no claim is called", "did you mean `srupp/readme-lm1b-base`?"),
        (("ls", "--family", "srup"), "no family of claims is called `srup`", "did you mean `srupp`?"),
        (("run", "--scale", "smok"), "there is no scale `smok`", "did you mean `smoke`?"),
        (("run", "--budget", "10"), "`--budget 10` is no time", "say `--budget 10m` or `--budget 8h`"),
        (("run", "--budget", "-1h"), "`--budget -1h` is no time", "say `--budget 10m`"),
        (("report", "--records", "nowhere"), "there is no folder `nowhere`", "name one with records"),
    ],
)
def test_a_mistake_is_one_message(words_: tuple[str, ...], message: str, hint: str, synth: Synth) -> None:
    said = synth("claims", *words_)
    assert said.code == 2 and "Traceback" not in said.err
    assert message in said.err and hint in said.err


def test_claims_of_the_library_stand_beside_presets() -> None:
    assert (library_folder() / "synthesizer" / "claims.toml").is_file()


@pytest.mark.slow
def test_a_preset_is_reproduced_beside_what_was_printed_for_it(synth: Synth, here: Path) -> None:
    settings = ("training.steps=2", "training.schedule.warmup_steps=1", "training.evaluate_every=2")
    sets = [word for setting in settings for word in ("--set", setting)]
    said = synth("reproduce", "agnews-dense", *sets)
    assert said.code == 0, said.err
    line = next(line for line in said.err.splitlines() if line.startswith("claim: "))
    assert line.startswith("claim: `synthesizer/repository-classification-dense` printed 88.95 accuracy")
    assert line.endswith("not comparable, since scale smoke has other data, a smaller model and fewer steps")
    again = synth("eval", "accuracy")
    assert line in again.err.splitlines()
    assert json.loads(synth("reproduce", "agnews-dense", *sets, "--json").out)[0]["metric"] == "accuracy"
    assert len(list((here / "runs" / "agnews-dense").iterdir())) == 1


@pytest.mark.slow
def test_a_file_of_claims_of_ones_own_is_tested_too(synth: Synth, tiny: str, here: Path) -> None:
    text = LIBRARY["mine"] + LIBRARY["controls"]
    (here / "mine.toml").write_text(text.replace("SMALL", json.dumps(SMALL)))
    ledger = json.loads(synth("claims", "run", "mine.toml", "--jobs", "1", "--json").out)
    assert {one["word"] for one in ledger["claims"]} >= {"contradicted", "direction holds"}
    assert [one["id"].split("/")[1] for one in ledger["controls"]] == ["same", "planted"]
    rows = json.loads(synth("claims", "ls", "mine.toml", "--json").out)
    says = [row["says"] for row in rows]
    assert says[:2] == ["a tiny model has one parameter", "a model that learns is better"]
    said = synth("claims", "ls", "nowhere.toml")
    assert said.code == 2 and "nowhere.toml`: no such file" in said.err


def test_claims_on_a_corpus_that_is_not_there_are_named(synth: Synth, here: Path) -> None:
    (here / "corpora").mkdir()
    ids = ("synthesizer/tab2-random-better-than-fixed", "simplified-blocks/fig2-value-skipinit-loses")
    said = synth("claims", "run", *ids, "--scale", "hour", "--data", "corpora", "--plan", "--json")
    assert said.code == 0
    assert said.err == "note: `corpora` holds no text for synthesizer/tab2-random-better-than-fixed\n"
    assert ids[1] in json.loads(said.out)["tests"] and ids[0] not in json.loads(said.out)["tests"]


def test_what_is_exact_needs_no_text(synth: Synth, here: Path) -> None:
    (here / "corpora").mkdir()
    exact = "simplified-blocks/sec4-identity-at-start"
    said = synth("claims", "run", exact, "--scale", "hour", "--data", "corpora", "--plan", "--json")
    assert said.code == 0, said.err
    assert exact in json.loads(said.out)["tests"]


HOT = """
[is-too-hot]
kind = "ordering"
says = "a model that diverges is worse"
where = "Tab. 5"
seen = "here"
measure = "perplexity"
order = "cool > hot"
arms = { cool = "tiny.toml", hot = "tiny.toml: training.schedule.peak=1e30" }
at.smoke = { seeds = 5, minutes = 0.1, settings = SMALL }
"""


@pytest.mark.slow
def test_a_training_that_diverges_is_counted_and_not_made_again(synth: Synth, tiny: str, here: Path) -> None:
    text = HOT + LIBRARY["controls"]
    (here / "mine.toml").write_text(text.replace("SMALL", json.dumps(SMALL)))
    said = synth("claims", "run", "mine.toml", "--jobs", "2", "--json")
    assert said.code == 0, said.err
    (claim,) = json.loads(said.out)["claims"]
    (relation,) = claim["scales"]["smoke"]["relations"]
    assert claim["word"] == "direction holds" and relation["diverged"] == {"cool": 0, "hot": 5}
    assert "of 10 seeds diverged cool 0, hot 5: holds" in (here / "reports/ledger.md").read_text()
    assert len(list((here / "reports/records").glob("diverged.*.json"))) == 5
    plan = json.loads(synth("claims", "run", "mine.toml", "--plan", "--json").out)
    assert plan["missing"] == 0
