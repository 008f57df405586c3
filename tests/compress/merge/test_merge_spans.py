"""Spans merged from text to model: trials, training, and what the student itself reaches."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.config import MergeConfig
from synthcli.compress.merge import MERGES, Span, all_pairs
from synthcli.compress.merge.merge_spans import merge_spans, stands_for
from synthcli.compress.teacher import Teacher
from synthcli.data.store.store import Store
from synthcli.model.context import Context
from tests.compress.small import bert_config, small_teacher

Texts = tuple[Calibration, Calibration]
CLOSED = MergeConfig(start="pooled", steps=0)


@pytest.fixture(scope="module")
def teacher(store: Store) -> Teacher:
    config = bert_config(store.tokenizer.vocab_size, encoder={"layers": 4, "max_length": 32})
    return small_teacher(config, store.tokenizer)


@pytest.fixture(scope="module")
def texts(store: Store, teacher: Teacher) -> Texts:
    train = Calibration(store, "train", teacher, max_length=19, limit=60)
    return train, Calibration(store, "validation", teacher, max_length=19, limit=12)


def test_half_of_the_layers_are_left(teacher: Teacher, texts: Texts, tmp_path: Path) -> None:
    spans = all_pairs(teacher.config, "encoder")
    model, merged = merge_spans(teacher, texts, spans, CLOSED, tmp_path)
    assert [str(one.span) for one in merged] == ["0+1", "2+3"]
    assert (model.config.encoder.layers, stands_for(4, spans)) == (2, [1, 3])
    assert all(one.nmse_before == one.nmse_after < 1.0 for one in merged)
    assert all(2 * one.parameters_after == one.parameters_before for one in merged)
    assert list(tmp_path.iterdir()) == []  # recordings are removed
    tokens = torch.randint(9, (2, 5))
    with torch.no_grad():
        stream, last = merged[0].new.block, merged[1].new.block
        hidden = teacher.model.embeddings(tokens)
        for block in (stream, last):
            hidden, _ = block(hidden, Context(), None, None)
        torch.testing.assert_close(model(tokens), teacher.model.head(hidden))


def test_the_layers_around_a_span_stay(teacher: Teacher, texts: Texts, tmp_path: Path) -> None:
    model, _ = merge_spans(teacher, texts, [Span("encoder", 1, 2)], CLOSED, tmp_path)
    for ours, theirs in ((0, 0), (2, 3)):
        kept, own = model.encoder.blocks[ours], teacher.model.encoder.blocks[theirs]
        for mine, its in zip(kept.parameters(), own.parameters(), strict=True):
            assert torch.equal(mine, its)
    assert stands_for(4, [Span("encoder", 1, 2)]) == [0, 2, 3]


@pytest.mark.slow
def test_the_best_start_after_a_trial_is_trained_and_all_are_shown(
    teacher: Teacher,
    texts: Texts,
    tmp_path: Path,
) -> None:
    plan = MergeConfig(start="best", steps=24, batch_size=16, evaluations=2)
    _, (merged,) = merge_spans(teacher, texts, [Span("encoder", 0, 1)], plan, tmp_path)
    assert [trial.start for trial in merged.trials] == list(MERGES)
    ahead = min(merged.trials, key=lambda trial: trial.after)
    assert merged.start == ahead.start
    assert merged.nmse_after <= merged.nmse_before == ahead.before
    assert merged.steps == 24


def test_what_a_start_cannot_do_is_told_among_the_trials(
    teacher: Teacher, texts: Texts, tmp_path: Path
) -> None:
    plan = CLOSED.model_copy(update={"start": "best", "heads": 2})
    _, (merged,) = merge_spans(teacher, texts, [Span("encoder", 0, 1)], plan, tmp_path)
    trials = {trial.start: trial for trial in merged.trials}
    assert trials["copy-last"].after is None and "--heads 2" in trials["copy-last"].why
    assert merged.new.mixer.heads == 2


@pytest.mark.parametrize("conditioned", ["student", "corrected"])
def test_later_spans_read_what_the_student_reaches(
    conditioned: str,
    teacher: Teacher,
    texts: Texts,
    tmp_path: Path,
) -> None:
    spans = all_pairs(teacher.config, "encoder")
    plan = CLOSED.model_copy(update={"conditioned": conditioned})
    model, merged = merge_spans(teacher, texts, spans, plan, tmp_path)
    tokens, padding = (texts[1].batch(range(12))[key] for key in ("tokens", "padding"))
    with torch.no_grad():
        context, x = Context(key_padding=padding), teacher.model.embeddings(tokens)
        y, student = x, merged[0].new.block(x, context, None, None)[0]
        if conditioned == "student":
            for block in teacher.model.encoder.blocks[:2]:
                y, _ = block(y, context, None, None)
            y = student
        for block in teacher.model.encoder.blocks[2 if conditioned == "student" else 0 :]:
            y, _ = block(y, context, None, None)
        predicted = merged[1].new.block(student, context, None, None)[0]
        real = ~padding
        error = (y - predicted)[real].square().sum() / (y[real] - y[real].mean(0)).square().sum()
    assert merged[1].nmse_before == pytest.approx(float(error), rel=2e-2)  # recordings are in float16
    assert model.config.encoder.layers == 2


def test_a_drop_is_called_one(teacher: Teacher, texts: Texts, tmp_path: Path) -> None:
    plan = CLOSED.model_copy(update={"start": "copy-last"})
    _, (merged,) = merge_spans(teacher, texts, [Span("encoder", 1, 3)], plan, tmp_path)
    assert merged.drops == [1, 2]
    _, (pooled,) = merge_spans(teacher, texts, [Span("encoder", 1, 2)], CLOSED, tmp_path)
    assert pooled.drops == []


@pytest.mark.parametrize("words", [{"start": "pool"}, {"conditioned": "none"}, {"heads": 0}])
def test_unknown_words_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MergeConfig(**words)  # type: ignore[arg-type]
