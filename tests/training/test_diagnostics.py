"""Diagnostics: values computed by hand, and a training that does not notice it is watched."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from synthcli.objectives import OBJECTIVES
from synthcli.presets import load_preset
from synthcli.training import diagnostics
from synthcli.training.checkpoints import Checkpointing, newest_checkpoint
from synthcli.training.diagnostics import Diagnostics, attention_logits, diagnose
from synthcli.training.metrics_log import read_journal
from synthcli.training.trainer import Callback, prepare
from synthcli.training.weights import weights_of
from tests.training.toys import (
    HiddenText,
    ToyText,
    toy_batch,
    toy_callbacks,
    toy_config,
    toy_model,
    toy_train,
)

ALL = ["gains", "entropy", "kurtosis", "correlation", "mixtures"]
SKIPLESS = {"block": "skipless", "mixer": {"heads": 2}}
RECURRENT: dict[str, Any] = {"mixer": {"kind": "sru"}, "block": "recurrent", "d_ff": None}
SRUPP = {"kind": "srupp", "projection": 4, "attention_every": 2}


class Uneven(ToyText):
    """Rows of 3, 5 and 9 tokens in turn; every batch is the first three."""

    @property
    def lengths(self) -> np.ndarray:
        return np.resize([3, 5, 9], self.rows)

    def collate(self, indices: np.ndarray, *drawing: object) -> dict[str, torch.Tensor | None]:
        return super().collate(np.arange(3))


def padding_of_uneven() -> torch.Tensor:
    padding = Uneven().collate(np.arange(3))["padding"]
    assert padding is not None
    return padding


def diagnosed(
    model: torch.nn.Module, names: list[str] = ALL, examples: ToyText | None = None, **batch: Any
) -> dict[str, Any]:
    """What the first step of a training of the model would note, before it."""
    config = toy_config(diagnostics=names)
    examples = examples or Uneven()
    training = prepare(model, examples, OBJECTIVES["causal-lm"], config, toy_batch(**batch), [])
    training.step = 1
    return diagnose(training)


def test_the_logits_are_those_fused_attention_uses() -> None:
    model = toy_model(mixer={"heads": 2}, dropout=0.0).eval()
    seen: list[torch.Tensor] = []

    def compare(attention, given, output) -> None:
        x, context, _ = given
        logits, visible = attention_logits(attention, x, context)
        weights = logits.masked_fill(~visible, -torch.inf).softmax(-1)
        y = weights @ attention.value(x).unflatten(-1, (2, -1)).transpose(1, 2)
        seen.append(y)
        torch.testing.assert_close(attention.output(y.transpose(1, 2).flatten(2)), output[0])

    for block in model.decoder.blocks:
        block.mixer.register_forward_hook(compare)
    model(torch.arange(6).reshape(2, 3))
    assert len(seen) == 2


def test_a_skipless_model_starts_as_the_paper_says() -> None:
    found = diagnosed(toy_model(**SKIPLESS))
    assert list(found) == ALL and found["mixtures"] == {}
    gains = found["gains"]
    assert gains["decoder.blocks.1.mixer.shaping.identity"] == [1.0, 1.0]
    assert gains["decoder.blocks.0.mixer.value.residual"] == 1.0
    assert gains["decoder.blocks.1.gains.feed_forward_residual"] == pytest.approx(0.1)
    # W_q = 0: every visible key is alike, and padded positions are left out
    lengths = (~padding_of_uneven()).sum(1).tolist()
    entropies = [math.log(n) for length in lengths for n in range(1, length + 1)]
    assert found["entropy"]["decoder.blocks.0.mixer"] == pytest.approx(sum(entropies) / len(entropies))
    assert set(found["kurtosis"]) == set(found["correlation"]) == {"decoder.blocks.0", "decoder.blocks.1"}
    assert set(found["kurtosis"]["decoder.blocks.0"]) == {"of_positions", "of_neurons", "max_to_median"}


def test_the_stream_is_what_blocks_return() -> None:
    model = toy_model(dropout=0.5)
    found = diagnosed(model, ["correlation"])
    outputs: list[torch.Tensor] = []
    model.decoder.blocks[1].register_forward_hook(lambda block, given, output: outputs.append(output[0]))
    with torch.no_grad():
        model.eval()(Uneven().collate(np.arange(3))["tokens"])
    pairs: list[float] = []
    for x, padding in zip(outputs[0], padding_of_uneven(), strict=True):
        real = x[~padding]
        cosines = torch.nn.functional.cosine_similarity(real[:, None], real[None], dim=-1)
        off = cosines[~torch.eye(len(real), dtype=torch.bool)]
        pairs += [off.mean().item()] if len(off) else []
    got = found["correlation"]["decoder.blocks.1"]["of_positions"]
    assert got == pytest.approx(sum(pairs) / len(pairs), rel=1e-4)


def test_mixtures_and_other_mixers_are_read() -> None:
    mixed = diagnosed(toy_model(), ["mixtures", "entropy"])
    assert mixed["mixtures"]["decoder.blocks.0.mixer.mixing"] == [[0.5, 0.5], [0.5, 0.5]]
    srupp = toy_model(**{**RECURRENT, "mixer": SRUPP})
    found = diagnosed(srupp, ["gains", "entropy", "kurtosis"])
    assert found["gains"] == {"decoder.blocks.1.mixer.alpha": [0.0]}
    assert list(found["entropy"]) == ["decoder.blocks.1.mixer.attention"]


def test_a_figure_that_does_not_exist_is_null() -> None:
    found = diagnosed(toy_model(), ["correlation"], ToyText(), micro_size=1)
    assert found["correlation"]["decoder.blocks.0"]["of_sequences"] is None


@pytest.mark.parametrize("task", ["seq2seq", "classification", "masked-lm"])
def test_every_task_is_measured_on_both_sides(task: str) -> None:
    stacks = {"encoder": {"layers": 1, "max_length": 9}, "decoder": None}
    batch: dict[str, Any] = {"tokens": torch.arange(8).reshape(2, 4), "padding": None}
    padding = torch.tensor([[False] * 4, [False, False, True, True]])
    if task == "seq2seq":
        stacks["decoder"] = {"layers": 1, "max_length": 9}
        batch |= {"source": torch.arange(8).reshape(2, 4), "source_padding": padding}
    if task == "classification":
        batch |= {"labels": torch.tensor([0, 1]), "padding": padding}
    else:
        batch |= {"targets": torch.arange(8).reshape(2, 4)}
    more = {"num_classes": 2} if task == "classification" else {}
    model = toy_model(task=task, mixer={"heads": 2}, **stacks, **more)

    class Two(ToyText):
        def collate(self, indices, *drawing):
            return batch

    training = prepare(model, Two(), OBJECTIVES[task], toy_config(diagnostics=ALL), toy_batch(), [])
    training.step = 1
    entropies = diagnose(training)["entropy"]
    sides = ["decoder.blocks.0.cross", "decoder.blocks.0.mixer"] if task == "seq2seq" else []
    assert sorted(entropies) == [*sides, "encoder.blocks.0.mixer"]
    assert all(0 < value <= math.log(4) for value in entropies.values())


@pytest.mark.slow
@pytest.mark.parametrize("model", [{}, SKIPLESS, RECURRENT])
def test_a_training_does_not_notice_that_it_is_watched(model: dict[str, Any], tmp_path: Path) -> None:
    plain, watched = toy_model(**model), toy_model(**model)
    toy_train(plain, toy_config())
    states: list[torch.Tensor] = []

    class State(Callback):
        def on_step(self, training, step) -> None:
            states.append(torch.get_rng_state())

    journal = tmp_path / "journal.jsonl"
    config = toy_config(log_every=1, diagnostics=ALL)
    toy_train(watched, config, callbacks=[State(), Diagnostics(journal), State()])
    assert watched.training and not any(module._forward_hooks for module in watched.modules())
    assert all(torch.equal(one, other) for one, other in zip(states[::2], states[1::2], strict=True))
    ours, theirs = weights_of(plain), weights_of(watched)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(read_journal(journal)) == config.steps


def test_tokens_drawn_in_a_batch_are_those_of_the_step(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    class Drawn(HiddenText):
        def collate(self, *which: Any) -> dict[str, torch.Tensor | None]:
            batch = super().collate(*which)
            seen.append(batch["tokens"].tolist())
            return batch

    ours, theirs = toy_model(), toy_model()
    config = toy_config(steps=2, log_every=1, diagnostics=["kurtosis"])
    toy_train(ours, config, examples=Drawn(), callbacks=[Diagnostics(tmp_path / "journal.jsonl")])
    micro_batches = len(seen) // 2
    assert seen[micro_batches - 1] == seen[0] and seen[-1] == seen[micro_batches] != seen[0]
    toy_train(theirs, toy_config(steps=2), examples=Drawn())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_record_stands_behind_that_of_each_logged_step(tmp_path: Path) -> None:
    callbacks = [*toy_callbacks(tmp_path), Diagnostics(tmp_path / "journal.jsonl")]
    toy_train(toy_model(), toy_config(diagnostics=["mixtures"], log_every=5), callbacks=callbacks)
    records = read_journal(tmp_path / "journal.jsonl")
    assert [one["step"] for one in records if "diagnostics" in one] == [1, 5, 10, 12]
    assert [one["step"] for one in records if "grad_norm" in one] == [1, 5, 10, 12]
    assert all(set(one) == {"step", "diagnostics"} for one in records if "diagnostics" in one)


def test_off_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "diagnose", lambda training: pytest.fail("measured"))
    toy_train(toy_model(), toy_config(), callbacks=[Diagnostics(tmp_path / "journal.jsonl")])
    assert not (tmp_path / "journal.jsonl").exists()


def test_only_what_is_asked_for_passes_through_the_model() -> None:
    model = toy_model()
    model.register_forward_hook(lambda *_: pytest.fail("a forward for what parameters tell"))
    assert set(diagnosed(model, ["gains", "mixtures"])) == {"gains", "mixtures"}


@pytest.mark.slow
def test_a_resumed_training_writes_the_same_journal(tmp_path: Path) -> None:
    def watched(folder: Path, resume: Any = None, **more: Any) -> bytes:
        folder.mkdir(exist_ok=True)
        journal, *others = toy_callbacks(folder)
        callbacks = [journal, Diagnostics(folder / "journal.jsonl"), *others, *more.pop("callbacks", [])]
        toy_train(toy_model(), toy_config(diagnostics=ALL, **more), callbacks=callbacks, resume=resume)
        return (folder / "journal.jsonl").read_bytes()

    class Killed(Callback):
        def on_step(self, training, step) -> None:
            if step.step == 7:
                raise KeyboardInterrupt

    whole = watched(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path / "killed", callbacks=[Killed()])
    assert (tmp_path / "killed" / "journal.jsonl").read_bytes() != whole
    assert watched(tmp_path / "killed", newest_checkpoint(tmp_path / "killed" / "checkpoints")) == whole
    assert b"NaN" not in whole
    assert [json.loads(line) for line in whole.splitlines()]


def test_a_run_writes_them(tmp_path: Path) -> None:
    from synthcli.runs import Run

    (tmp_path / "preset.toml").write_text("")
    kinds = [type(one) for one in Run(tmp_path).callbacks(tokenizer=None, validation=None)]  # type: ignore[arg-type]
    assert kinds.index(Diagnostics) < kinds.index(Checkpointing)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError):
        toy_config(diagnostics=["loss"])
    with pytest.raises(Exception, match="did you mean `kurtosis`") as caught:
        load_preset("wmt14-dense", overrides=['training.diagnostics=["kurtosi"]'])
    message = '`training.diagnostics.0` = "kurtosi" (from --set), allowed: '
    assert message + "`gains` or `entropy` or `kurtosis` or `correlation` or `mixtures`" in str(caught.value)
