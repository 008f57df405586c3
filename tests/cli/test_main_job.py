"""Prepare, train, evaluate, generate, finetune, resume: the verbs in the order a user meets them."""

import json
from pathlib import Path

import pytest

from .conftest import Synth

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(synth: Synth, tiny: str, here: Path) -> Path:
    """The run of a model trained for a moment."""
    said = synth("train", tiny)
    assert said.code == 0, said.err
    (run,) = (here / "runs" / "tiny").iterdir()
    return run


def test_training_names_what_it_wrote_and_what_to_do_next(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("train", tiny)
    (run,) = (here / "runs" / "tiny").iterdir()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[-1] == f"next: `synth eval bleu runs/tiny/{run.name}`"
    assert lines[-2].startswith(
        f"wrote `runs/tiny/{run.name}/checkpoints/last` (step 6 of 6, fp32, validation loss"
    )
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "best", "last", "step-00000003", "step-00000006",
    ]  # fmt: skip


def test_the_newest_fitting_checkpoint_is_evaluated_on_the_whole_split(synth: Synth, trained: Path) -> None:
    said = synth("eval", "accuracy", "--json")
    assert "the newest that `accuracy` fits" in said.err
    (result,) = json.loads(said.out)
    assert (result["samples"], result["split_size"], result["limit"]) == (500, 500, None)
    assert result["figures"][0]["name"] == "exact_match"
    assert result["store"] and result["step"] == 6 and result["versions"]["sacrebleu"]
    written = json.loads(
        (trained / "results" / "accuracy.reverse.test.step-00000006.beam-2.json").read_text()
    )
    where = written.pop("checkpoint")  # from the folder of runs: the tree may be moved
    assert str(trained.parents[1] / where) == result.pop("checkpoint")
    assert written == result


def test_a_limit_is_stated(synth: Synth, trained: Path) -> None:
    said = synth("eval", "bleu", str(trained), "--limit", "7", "--beam", "1")
    assert "reverse, test: 7 examples (the first 7 of 500)" in said.out
    assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in said.out


def test_generate_writes_a_line_for_each_prompt(synth: Synth, trained: Path) -> None:
    said = synth("generate", "--prompt", "abc", "--prompt", "xyz", "--max-length", "3")
    assert len(said.out.splitlines()) == 2


def test_another_corpus_is_evaluated_in_the_checkpoints_own_pieces(synth: Synth, trained: Path) -> None:
    (result,) = json.loads(synth("eval", "perplexity", "--corpus", "copy", "--limit", "5", "--json").out)
    assert result["corpus"] == "copy"


def test_finetuning_reports_every_tensor_that_was_not_loaded(synth: Synth, trained: Path, here: Path) -> None:
    said = synth(
        "finetune", str(trained), "--corpus", "sort", "--freeze", "encoder", "--set", "training.steps=3"
    )
    assert said.code == 0, said.err
    assert "loaded " in said.err and "new:" not in said.err and "dropped:" not in said.err
    (run,) = (here / "runs" / "tiny-on-sort").iterdir()
    assert synth("eval", "accuracy", str(run), "--limit", "5").code == 0


def test_finetuning_for_another_task_keeps_the_encoder(synth: Synth, trained: Path) -> None:
    said = synth("finetune", str(trained), "--corpus", "stdlib-topics", "--set", "training.steps=2",
                 "--set", "training.evaluate_every=5")  # fmt: skip
    assert said.code == 0, said.err
    lines = said.err.splitlines()
    (new,) = [line for line in lines if line.startswith("new: ")]
    assert new == "new: head.output.weight, head.output.bias"
    (dropped,) = [line for line in lines if line.startswith("dropped: ")]
    assert "decoder.blocks.0.cross.value.weight" in dropped and "encoder" not in dropped
    assert lines[-1].startswith("next: `synth eval accuracy runs/tiny-on-stdlib-topics/")


def test_a_new_vocabulary_resizes_the_tables(synth: Synth, trained: Path) -> None:
    said = synth("finetune", str(trained), "--corpus", "stdlib-docstrings", "--new-vocabulary", "--preset",
                 "cnn-dailymail-dense", "--scale", "smoke", "--set", "training.steps=1",
                 "--set", "data.tokenizer.vocab_size=400")  # fmt: skip
    assert said.code == 0, said.err
    assert "resized: source_embeddings.tokens.weight" in said.err


def test_resuming_a_complete_run_does_nothing(synth: Synth, trained: Path) -> None:
    said = synth("train", "--resume", str(trained))
    assert said.code == 0 and f"run `{trained}` is complete" in said.err


def test_resuming_with_another_configuration_says_what_differs(
    synth: Synth, trained: Path, tiny: str
) -> None:
    (trained / "finished.json").unlink()
    said = synth("train", tiny, "--resume", "--set", "training.seed=7")
    assert said.code == 2
    run = f"runs/tiny/{trained.name}"
    assert said.err.splitlines()[-2:] == [
        f"error: run `{run}` was started with another configuration: `training.seed`: 0 → 7",
        "hint: leave out what differs, or start a new run without `--resume`",
    ]


def test_only_plan_and_dry_run_write_nothing(synth: Synth, tiny: str, here: Path) -> None:
    for option in ("--only-plan", "--dry-run"):
        said = synth("train", tiny, option)
        assert said.code == 0 and "steps" in said.out and "parameters" in said.out
    assert [path.name for path in here.iterdir()] == ["tiny.toml"]


def test_several_presets_train_one_after_the_other(synth: Synth, tiny: str, here: Path) -> None:
    other = here / "other.toml"
    other.write_text(f'extends = "{tiny}"\n[model.mixer]\nscores = [{{ kind = "random" }}]\n')
    assert synth("train", tiny, str(other)).code == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["other", "tiny"]
