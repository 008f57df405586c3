"""Calibration text is the split as the teacher's training showed it, with nothing hidden."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthcli.compress.activations.calibration import LONGEST, Calibration
from synthcli.compress.teacher import Teacher
from synthcli.data.config import MaskingConfig, TokenizerConfig
from synthcli.data.examples.masking import MaskedExamples, PackedMaskedExamples
from synthcli.data.examples.windows import PackedExamples, RowExamples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.ragged import Ragged
from synthcli.data.store.store import Store
from synthcli.errors import SynthError


def texts(calibration: Calibration) -> list[list[int]]:
    return [calibration.text(number).tolist() for number in range(len(calibration))]


def test_rows_are_those_of_masked_training_without_masks(store: Store, bert: Teacher) -> None:
    text = Calibration(store, "train", bert, max_length=14)
    examples = MaskedExamples(store, "train", 14, MaskingConfig())
    assert texts(text) == [examples.text(number).tolist() for number in range(len(examples.lengths))]
    assert text.lengths.tolist() == [len(row) for row in texts(text)] and max(text.lengths) == 14
    assert min(text.lengths) > 2  # an empty line has marks alone, and is left out


def test_windows_are_those_of_masked_training_without_masks(store: Store, bert: Teacher) -> None:
    text = Calibration(store, "validation", bert, "packed", max_length=21)
    examples = PackedMaskedExamples(store, "validation", 21, MaskingConfig())
    assert texts(text) == [examples.text(number).tolist() for number in range(len(examples.lengths))]


def test_a_decoder_reads_what_its_training_showed_it(store: Store, gpt2: Teacher) -> None:
    text = Calibration(store, "validation", gpt2, "packed", max_length=21)
    examples = PackedExamples(store, "validation", 21)
    shown = [examples.stream(number)[:-1].tolist() for number in range(len(examples.lengths))]
    assert texts(text) == shown[: len(text)] and len(shown) - len(text) <= 1
    rows = Calibration(store, "validation", gpt2, max_length=32)
    whole = RowExamples(store, "validation", 32)
    shown = [whole.stream(number)[:-1].tolist() for number in range(len(whole.lengths))]
    assert texts(rows) == [row for row in shown if len(row) > 1]


def test_a_limit_takes_sequences_at_even_distances(store: Store, bert: Teacher) -> None:
    whole, some = Calibration(store, "train", bert), Calibration(store, "train", bert, limit=7)
    last = len(whole) - 1
    assert texts(some) == [texts(whole)[round(last * part / 6)] for part in range(7)]
    assert some.lengths.tolist() == [len(row) for row in texts(some)]
    assert whole.hash != some.hash and whole.max_length == 32 < LONGEST
    assert Calibration(store, "train", bert, limit=len(whole) + 1).hash == whole.hash


def test_a_batch_is_padded_and_says_where(store: Store, bert: Teacher) -> None:
    text = Calibration(store, "train", bert, limit=9)
    batch = text.batch(np.array([4, 0, 8]))
    tokens, padding = batch["tokens"], batch["padding"]
    assert tokens is not None and padding is not None
    assert [row[~gone].tolist() for row, gone in zip(tokens, padding, strict=True)] == [
        text.text(number).tolist() for number in (4, 0, 8)
    ]
    assert torch.equal(tokens[padding], torch.full_like(tokens[padding], store.tokenizer.pad_id))


def test_a_mark_without_a_row_becomes_the_one_that_has(store: Store, gpt2: Teacher, monkeypatch) -> None:
    """GPT-2's own text ends with the one mark it has; ours follow it."""
    tokenizer, size = store.tokenizer, gpt2.config.vocab_size
    for name, mark in (("bos_id", size), ("eos_id", size + 1), ("pad_id", size + 2), ("unk_id", size - 1)):
        monkeypatch.setattr(tokenizer, name, mark)
    assert gpt2.marks == (size - 1, size - 1, size - 1)
    text = Calibration(store, "validation", gpt2, "packed", max_length=21)
    ids = np.concatenate([text.text(number) for number in range(len(text))])
    assert ids.max() == size - 1
    first = Ragged(store.split("validation").data.column("tokens"))
    assert (ids == size - 1).sum() >= np.count_nonzero(first.lengths) - 1


REFUSED = {
    "`--max-length 33` does not fit the teacher": {"max_length": 33},
    "`--max-length 2` does not fit the teacher": {"max_length": 2},
    "unknown layout `pakced`": {"layout": "pakced"},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(store: Store, bert: Teacher, message: str) -> None:
    with pytest.raises(SynthError) as error:
        Calibration(store, "train", bert, **REFUSED[message])  # type: ignore[arg-type]
    assert error.value.message == message and error.value.hint


def test_text_of_another_tokenizer_is_refused(store: Store, bert: Teacher, tmp_path) -> None:
    pairs = prepare_store("copy", TokenizerConfig.model_validate({"kind": "bytes"}), tmp_path)
    with pytest.raises(SynthError, match="`copy` holds pairs, and a teacher reads text"):
        Calibration(pairs, "train", bert)
    other = replace(bert, tokenizer=pairs.tokenizer)
    with pytest.raises(SynthError, match="was made with another tokenizer than teacher `small`"):
        Calibration(store, "train", other)
