"""What a checkpoint is evaluated on."""

from synthcli.jobs.evaluate.evaluate import forms_of
from synthcli.presets import load_preset


def test_another_corpus_is_masked_as_in_training() -> None:
    own = load_preset("crammed-bert-pre-norm", "smoke", overrides=["data.masking.rate=0.25"])
    found = forms_of(own, "wikitext-2")
    assert found["masking"]["rate"] == 0.25 and found["layout"] == own.data.layout


def test_spans_are_corrupted_in_text_alone() -> None:
    own = load_preset("c4-dense", "smoke")
    assert forms_of(own, "wikitext-2")["denoising"] is not None
    assert "denoising" not in forms_of(own, "reverse")


def test_a_checkpoint_without_a_run_reads_rows() -> None:
    assert forms_of(None, "reverse") == {}
