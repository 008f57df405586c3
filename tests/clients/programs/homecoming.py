"""`synth import` of a folder that a client trained, and `synth export` of what comes back."""

from pathlib import Path

from synthcli.jobs.export.export import export_checkpoint
from synthcli.jobs.importing import ImportRequest, import_model
from tests.clients.examples import difference, encode, logits_of
from tests.clients.programs.trainer import STEPS, trainer_of
from tests.clients.subjects import Subject


def come_back(subject: Subject, folder: Path) -> None:
    """What a `Trainer` saved becomes a checkpoint of ours, whose export computes the same."""
    trainer = trainer_of(subject, folder / "run", **STEPS)
    trainer.train()
    trainer.save_model(str(folder / "trained"))
    subject.tokenizer.save_pretrained(folder / "trained")
    import_model(ImportRequest("hf", folder / "trained", folder / "ours"))
    export_checkpoint(folder / "ours", "hf", folder / "again")
    inputs = encode(subject)
    trained = logits_of(subject.load(folder=folder / "trained"), inputs)
    assert difference(logits_of(subject.load(folder=folder / "again"), inputs), trained) < 1e-5
    assert difference(trained, logits_of(subject.load(), inputs)) > 1e-4
