"""transformers' `Trainer`."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer, TrainingArguments

from tests.clients.examples import batch_of, difference, examples, logits_of
from tests.clients.subjects import Subject

QUIET = {
    "report_to": "none",
    "disable_tqdm": True,
    "log_level": "error",
    "use_cpu": True,
    "save_strategy": "no",
    "seed": 1,
}


def trainer_of(subject: Subject, folder: Path, **options: Any) -> Trainer:
    """Return a trainer of a fresh model on the examples; `options` are `TrainingArguments`."""
    arguments = TrainingArguments(output_dir=str(folder), **(QUIET | options))  # type: ignore[arg-type]
    rows = examples(subject)
    return Trainer(subject.load().train(), arguments, train_dataset=rows, eval_dataset=rows)


def accumulate(subject: Subject, folder: Path) -> None:
    """One step has the same loss and gradient in 1, 4 and 8 parts."""
    check_accumulation(lambda options: trainer_of(subject, folder, **options))


def check_accumulation(build: Any) -> None:
    """Compare loss and gradient of one step of eight examples in 1, 4 and 8 parts."""
    found = []
    for parts in (1, 4, 8):
        options = {
            "per_device_train_batch_size": 8 // parts,
            "gradient_accumulation_steps": parts,
            "max_steps": 1,
            "logging_steps": 1,
            "max_grad_norm": 1e9,
        }
        trainer = build(options)
        trainer.train()
        first = trainer.state.log_history[0]
        found.append((first["loss"], first["grad_norm"]))
    for loss, norm in found[1:]:
        assert math.isclose(loss, found[0][0], rel_tol=1e-4), f"losses by parts: {found}"
        assert math.isclose(norm, found[0][1], rel_tol=1e-4), f"gradients by parts: {found}"


def evaluate(subject: Subject, folder: Path) -> None:
    """`evaluate` gives the model's own loss, `predict` its own logits, also of a last, smaller batch."""
    trainer = trainer_of(subject, folder, per_device_eval_batch_size=3)
    loss = trainer.evaluate()["eval_loss"]
    predicted = trainer.predict(trainer.eval_dataset).predictions  # type: ignore[arg-type]
    predicted = predicted[0] if isinstance(predicted, tuple) else predicted
    model, batches = subject.load(), []
    for start in (0, 3, 6):
        rows = trainer.eval_dataset[start : start + 3]  # type: ignore[index]
        batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        with torch.no_grad():
            batches.append((len(rows), model(**batch)))
    own = sum(float(output.loss) * count for count, output in batches) / 8
    assert math.isclose(loss, own, rel_tol=1e-4), f"evaluated to {loss}, the model's own is {own}"
    logits = torch.cat([output.logits for _, output in batches])
    assert difference(torch.as_tensor(predicted).view(logits.shape), logits) < 1e-5


EVALUATES = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
STEPS = {"max_steps": 4, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "logging_steps": 1}


def evaluate_while_training(subject: Subject, folder: Path) -> None:
    """Losses are evaluated on the way, and the best model is loaded again at the end."""
    options = STEPS | EVALUATES | {"load_best_model_at_end": True, "metric_for_best_model": "step_number"}
    trainer = trainer_of(subject, folder, **options, greater_is_better=False, include_for_metrics=["loss"])
    order = iter(range(1, 10))
    trainer.compute_metrics = lambda _: {"step_number": float(next(order))}
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    trainer.train()
    assert [entry["step"] for entry in trainer.state.log_history if "eval_loss" in entry] == [2, 4]
    assert trainer.state.best_model_checkpoint == str(folder / "checkpoint-2")
    trained = subject.load(folder=folder / "checkpoint-2")
    pairs = list(zip(trainer.model.parameters(), trained.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert any(not torch.equal(a, b) for (a, _), b in zip(pairs, before, strict=True))


def resume(subject: Subject, folder: Path) -> None:
    """Training that goes on from a checkpoint ends where one ends that never stopped."""
    options = STEPS | {"save_strategy": "steps", "save_steps": 2, "lr_scheduler_type": "constant"}
    whole = trainer_of(subject, folder / "whole", **options)
    whole.train()
    resumed = trainer_of(subject, folder / "resumed", **options)
    resumed.train(resume_from_checkpoint=str(folder / "whole/checkpoint-2"))
    assert resumed.state.global_step == 4
    batch = batch_of(subject)
    assert difference(logits_of(resumed.model.eval(), batch), logits_of(whole.model.eval(), batch)) < 1e-6


def checkpoint_gradients(subject: Subject, folder: Path) -> None:
    """Gradients are the same where activations are computed again."""
    found = []
    for checkpoints in (False, True):
        model = subject.load().train()
        if checkpoints:
            assert model.supports_gradient_checkpointing, "gradient checkpointing is not supported"
            model.gradient_checkpointing_enable()
            assert model.is_gradient_checkpointing
        model(**batch_of(subject)).loss.backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    plain, again = found
    assert plain.keys() == again.keys()
    assert max(difference(plain[name], again[name]) for name in plain) < 1e-6
    trainer_of(subject, folder, **STEPS, gradient_checkpointing=True).train()


def write_while_evaluating(subject: Subject, folder: Path) -> None:
    """`predict_with_generate` gives what `generate` writes."""
    options = QUIET | {"predict_with_generate": True, "generation_max_length": 9, "generation_num_beams": 2}
    arguments = Seq2SeqTrainingArguments(output_dir=str(folder), **options)  # type: ignore[arg-type]
    rows = examples(subject)
    written = Seq2SeqTrainer(subject.load(), arguments, eval_dataset=rows).predict(rows)  # type: ignore[arg-type]
    batch = batch_of(subject)
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    expected = subject.load().generate(**given, max_length=9, num_beams=2)
    width = written.predictions.shape[1]  # type: ignore[union-attr]
    padded = torch.nn.functional.pad(
        expected, (0, width - expected.shape[1]), value=subject.config.pad_token_id
    )
    assert torch.equal(torch.as_tensor(written.predictions), padded)
    assert math.isfinite(written.metrics["test_loss"])
