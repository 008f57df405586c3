"""What claims measure beside metrics: at the start, at the end of gains, and of students."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from synthcli.claims.files import all_claims
from synthcli.claims.measured import Measured
from synthcli.claims.verdict import conclude, rule
from synthcli.errors import SynthError
from synthcli.jobs.ledger.claim_findings import find_of_measured
from synthcli.jobs.ledger.claim_tests import find_test
from synthcli.jobs.ledger.start_measures import attention_distance, position_similarity
from synthcli.jobs.ledger.student_measures import student_error, teacher_divergence, teacher_of
from synthcli.jobs.ledger.trajectories import largest_gain_ratio, smallest_gain
from synthcli.jobs.train import Observer
from synthcli.model import build
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment
from synthcli.runs import list_runs
from synthcli.training.checkpoints import load_checkpoint
from synthcli.training.seeding import seed_torch

SMALL = ["model.d_model=16", "model.d_ff=32", "model.mixer.heads=2", "model.decoder.layers=3"]
SHORT = ["training.steps=4", "training.evaluate_every=4", "training.save_every=4", "training.log_every=1"]
OBSERVER = Observer(lambda line: None)


BYTES = ["data.corpus=stdlib-bytes", "data.tokenizer.kind=bytes"]


def block(name: str, *settings: str) -> Experiment:
    return load_preset(name, "smoke", None, [*SMALL, *BYTES, *settings])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    return tmp_path


def test_shaped_attention_begins_as_the_identity() -> None:
    assert attention_distance(block("codeparrot-skipless"), OBSERVER) < 1e-12
    assert attention_distance(block("codeparrot-pre-norm"), OBSERVER) > 0.5
    with pytest.raises(SynthError, match="has no attention"):
        attention_distance(load_preset("lm1b-vanilla", "smoke", None, ["model.mixer.kind=none"]), OBSERVER)


def test_positions_are_alike_as_a_direct_sum_says() -> None:
    experiment = block("codeparrot-pre-norm")
    seed_torch(experiment.training.seed)
    model = build(experiment.model).double().eval()
    passed: list[torch.Tensor] = []
    last = model.decoder.blocks[-1]
    last.register_forward_hook(lambda module, given, returned: passed.append(returned[0]))
    with torch.no_grad():
        model(torch.randint(experiment.model.vocab_size, (2, 128)))
    units = F.normalize(passed[0], dim=-1)
    pairs = [(units[row] @ units[row].T).fill_diagonal_(0).sum() / (128 * 127) for row in range(2)]
    expected = float(sum(pairs) / 2)
    assert position_similarity(experiment, OBSERVER) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_gains_are_those_of_the_last_checkpoint(here: Path) -> None:
    experiment = block("codeparrot-value-gains", *SHORT, 'training.diagnostics=["gains"]')
    ratio, smallest = largest_gain_ratio(experiment, OBSERVER), smallest_gain(experiment, OBSERVER)
    (run,) = list_runs()
    weights = load_checkpoint(run.checkpoints / "last").weights
    sites = {name.rpartition(".")[0] for name in weights if name.endswith(".skip") and ".mixer." in name}
    found = [
        abs(float(weights[f"{site}.residual"]) / float(weights[f"{site}.skip"]))
        for site in sites
        if not site.endswith("blocks.0.mixer.value")
    ]
    assert len(found) == 5 and ratio == pytest.approx(max(found), rel=1e-6)
    assert 0.9 < smallest < 1.1


@pytest.mark.slow
def test_gains_that_nobody_noted_are_refused(here: Path) -> None:
    with pytest.raises(SynthError, match="notes no gains while it learns"):
        largest_gain_ratio(block("codeparrot-skipless-no-values", *SHORT), OBSERVER)


def student(name: str, *settings: str) -> Experiment:
    return load_preset(name, "smoke", None, ["training.seed=3", *settings])


@pytest.mark.slow
def test_students_are_measured_against_a_teacher_of_their_seed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("model.d_model=16", "model.d_ff=24", "model.mixer.heads=2", "training.steps=4")
    wide = teacher_of(student("bert-merge-0-1"))
    assert (wide.name, wide.training.seed) == ("bert-base-wikitext-2", 3)
    teacher = load_preset(wide.name, "smoke", None, [*small, "training.seed=3", "training.evaluate_every=4"])
    monkeypatch.setattr("synthcli.jobs.ledger.student_measures.teacher_of", lambda experiment: teacher)
    merged = teacher_divergence(student("bert-merge-0-1", "compress.steps=2", "compress.limit=40"), OBSERVER)
    block_1 = "bert-distill-block-1-heads-4-dk-16"
    error = student_error(
        student(block_1, "compress.mixer=attention", "compress.steps=2", "compress.limit=40"), OBSERVER
    )
    results = [json.loads((run.path / "results/compress.json").read_text()) for run in list_runs()[:2]]
    assert merged in [one["model"].get("divergence") for one in results]
    assert error in [one["blocks"][0]["nmse_after"] for one in results if "blocks" in one]
    assert [run.name for run in list_runs()].count("bert-base-wikitext-2") == 1


def test_what_compresses_nothing_makes_no_student() -> None:
    with pytest.raises(SynthError, match="preset `lm1b-dense` makes no student"):
        teacher_of(load_preset("lm1b-dense", "smoke"))


@pytest.mark.parametrize(
    ("ratio", "word"), [(1.06, "undecided"), (1.3, "direction holds"), (0.7, "contradicted")]
)
def test_a_ratio_of_times_has_the_deviation_between_processes(ratio: float, word: str) -> None:
    """Twenty rounds of one process that hardly differ say nothing of a few per cent."""
    test = find_test(all_claims()["synthesizer/narang-random-speed"], "smoke", 0, None)
    assert test is not None
    rounds = [10.0 + number / 1000 for number in range(20)]
    first, second = test.arms
    values = {first: tuple(ratio * one for one in rounds), second: tuple(rounds)}
    measured = Measured("steps-per-second", "smoke", "", (0,), values, {}, 1.0)
    assert conclude(rule(find_of_measured(test, measured).findings), "smoke").word == word
