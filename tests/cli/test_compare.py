"""`synth compare` as it is typed: the plan, the table, the report, the exit code."""

import json
from pathlib import Path

import pytest

from .conftest import Synth

ARMS = ("tiny.toml", "fast=tiny.toml: training.schedule.peak=0.02")


def test_a_plan_trains_nothing(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("compare", *ARMS, "--seeds", "3", "--plan")
    assert said.code == 0
    assert "fast" in said.out and "not equal: peak learning rate: tiny" in said.err
    assert "the sign-flip test of 3 pairs has no p-value below 0.25" in said.err
    assert not (here / "runs").exists()
    table = json.loads(synth("compare", *ARMS, "--plan", "--json").out)
    assert [row["missing"] for row in table["arms"]] == [3, 3]


@pytest.mark.slow
def test_a_comparison_says_its_verdict_and_where_the_report_is(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("compare", *ARMS, "--seeds", "2", "--jobs", "1", "-o", "reports")
    assert said.code == 0, said.err
    report = json.loads((here / "reports" / "compare-tiny-fast" / "report.json").read_text())
    assert report["command"].startswith("synth compare tiny.toml 'fast=tiny.toml: ")
    assert "fast" in said.out and "wrote `reports/compare-tiny-fast`" in said.err
    plan = json.loads(synth("compare", *ARMS, "--seeds", "3", "--plan", "--json").out)
    assert [row["missing"] for row in plan["arms"]] == [1, 1]
    assert all(row["hours"] > 0 for row in plan["arms"])
    again = synth("compare", *ARMS, "--seeds", "2", "--jobs", "1", "--json")
    assert json.loads(again.out)["contrasts"] == report["contrasts"]
    worse = synth("compare", *ARMS, "--seeds", "2", "--jobs", "1", "--fail-if-worse", "0")
    assert worse.code == 1 and "an arm may be worse by 0 or more" in worse.err
    assert synth("compare", *ARMS, "--seeds", "2", "--jobs", "1", "--fail-if-worse", "1e9").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ((), "missing argument 'ARM ARM...'", ""),
        (("tiny.toml",), "a comparison has two arms or more", "an arm is `PRESET`, or"),
        (("tiny.toml", "tiny.toml"), "two arms are called `tiny`", "name them: `tiny-2=tiny: …`"),
        (("tiny.toml", "a=tiny.toml:"), "arm `a=tiny.toml:`: it names no settings", "an arm is `PRESET`, or"),
        (("tiny.toml", "a=tiny.toml: x"), "`x` is no `KEY=VALUE`", "an arm is `PRESET`, or"),
        (("tiny.toml", "a=: x=1"), "arm `a=: x=1`: no preset", "an arm is `PRESET`, or"),
        (("tiny.toml", "a=tiny.toml: 'x"), "cannot be read: No closing quotation", "an arm is `PRESET`, or"),
        (("tiny.toml", "wmt14-dens"), "no preset is called `wmt14-dens`", "did you mean `wmt14-dense`?"),
        ((*ARMS, "--metric", "blue"), "unknown metric `blue`", "did you mean `bleu`?"),
        (
            (*ARMS, "--metric", "matthews"),
            "arm `tiny` is not evaluated by `matthews`",
            "`--metric bleu` fits",
        ),
        ((*ARMS, "--margin", "-1"), "`--margin -1`: a margin is a number of 0 or more", "`--margin 0.5`"),
        ((*ARMS, "--margin", "blue=1"), "`--margin blue=1`: `blue` is not compared", "`--margin 0.5`"),
        (
            (*ARMS, "--metric", "bleu", "--metric", "perplexity", "--margin", "1"),
            "`--margin 1`: of which of bleu, perplexity?",
            "`--margin bleu=0.5`",
        ),
        ((*ARMS, "--equal", "tme"), "`--equal tme`: nothing is called so", "did you mean `time`?"),
        ((*ARMS, "--records", "nowhere"), "there is no folder `nowhere`", "name one with records"),
    ],
)
def test_a_mistake_is_one_message(
    words: tuple[str, ...], message: str, hint: str, synth: Synth, tiny: str
) -> None:
    said = synth("compare", *words)
    assert said.code == 2 and "Traceback" not in said.err
    assert message in said.err and hint in said.err


def test_runs_and_presets_do_not_mix(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("train", tiny).code == 0
    (run,) = here.glob("runs/tiny/*")
    said = synth("compare", str(run), "tiny.toml")
    assert said.code == 2 and "runs are compared with runs, and presets with presets" in said.err
    (run / "finished.json").unlink()
    said = synth("compare", str(run), str(run))
    assert said.code == 2 and "is not complete" in said.err and "synth train --resume" in said.err


def test_samples_of_lm_eval_are_compared_as_files(synth: Synth, here: Path) -> None:
    hashes = {f"{what}_hash": "0" for what in ("doc", "target")}
    for name, prompt in (("a", "0"), ("b", "1")):
        rows = [
            {"doc_id": n, **hashes, "prompt_hash": prompt, "filter": "none", "metrics": ["acc"], "acc": n < 3}
            for n in range(9)
        ]
        (here / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("compare", "--samples", "a.jsonl", "b.jsonl")
    said = synth(*words)
    assert said.code == 0, said.err
    assert "Differences to a.jsonl, 9 documents" in said.out and "0.3333" in said.out
    assert said.err == (
        "note: `b.jsonl` was asked otherwise in 9 documents: their prompts differ\n"
        "one run of each: over documents alone; nothing is said of other seeds\n"
    )
    (table,) = json.loads(synth(*words, "--json", "--metric", "acc").out)
    assert (table["difference"], table["adjusted_p"]) == (0, 1)
    refused = synth(*words, "--seeds", "4")
    assert (refused.code, refused.err) == (
        2,
        "error: `--seeds` means nothing with `--samples`, which trains no run\nhint: leave it out\n",
    )
    alone = synth("compare", "--samples", "a.jsonl")
    assert alone.code == 2 and "`--samples` compares two files or more" in alone.err
