"""Finetune: an experiment that starts from a checkpoint, on another corpus or for another task."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcli.data.corpora import find_corpus
from synthcli.errors import SynthError
from synthcli.jobs.evaluate import own_tokenizer
from synthcli.model import ModelConfig
from synthcli.model.config import STACKS
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment, Start
from synthcli.runs import run_of
from synthcli.training.checkpoints import Checkpoint, load_checkpoint

TASK_OF_KIND = {"text": "causal-lm", "pairs": "seq2seq", "labelled": "classification"}
METRIC_OF_TASK = {"causal-lm": "perplexity", "seq2seq": "bleu", "classification": "accuracy"}


@dataclass(frozen=True)
class Adaptation:
    """What becomes of a checkpoint; None keeps what it has. `new_vocabulary` learns pieces of the corpus."""

    corpus: str
    source: Path | None = None
    task: str | None = None
    preset: str | None = None
    scale: str | None = None
    freeze: tuple[str, ...] = ()
    new_vocabulary: bool = False
    overrides: tuple[str, ...] = ()


def adapted(path: Path, adaptation: Adaptation) -> Experiment:
    """Return the experiment that finetunes a checkpoint."""
    checkpoint = load_checkpoint(path)
    kind = find_corpus(adaptation.corpus).kind
    task = adaptation.task or TASK_OF_KIND[kind]
    model_keys = [word for word in adaptation.overrides if word.startswith("model.")]
    if model_keys:
        raise SynthError(
            f"`--set {model_keys[0]}` would change the model of the checkpoint",
            "train a new one with `synth train`",
        )
    base = base_experiment(checkpoint, adaptation)
    data = base.data.model_dump() | {
        "corpus": adaptation.corpus,
        "source": None if adaptation.source is None else str(adaptation.source.resolve()),
        "layout": base.data.layout if task == "causal-lm" else "rows",
    }
    if not adaptation.new_vocabulary:
        data["tokenizer"] = own_tokenizer(checkpoint).model_dump()
    model = model_for(checkpoint.config, task, len(find_corpus(adaptation.corpus).class_names))
    if adaptation.new_vocabulary:
        model = model.model_copy(update={"vocab_size": base.data.tokenizer.size})
    start = Start(checkpoint=str(checkpoint.path), freeze=adaptation.freeze)
    evaluation = base.evaluation.model_dump()
    if task != base.model.task:
        evaluation["metrics"] = (METRIC_OF_TASK[task],)
    table: dict[str, Any] = base.model_dump() | {
        "name": f"{base.name}-on-{adaptation.corpus}",
        "title": f"{base.title}, finetuned on {adaptation.corpus}",
        "claims": {},
        "model": model.model_dump(),
        "data": data,
        "evaluation": evaluation,
        "start": start.model_dump(),
    }
    return Experiment.model_validate(table)


def base_experiment(checkpoint: Checkpoint, adaptation: Adaptation) -> Experiment:
    """Return the experiment whose training settings are used: a preset named, or the checkpoint's own."""
    if adaptation.preset is not None:
        return load_preset(adaptation.preset, adaptation.scale, None, adaptation.overrides)
    run = run_of(checkpoint.path)
    if run is None:
        raise SynthError(
            f"checkpoint `{checkpoint.path}` belongs to no run whose training settings could be used",
            "name a preset for them: `--preset wmt14-vanilla --scale hour`",
        )
    if adaptation.scale is not None:
        raise SynthError(
            "`--scale` belongs to a preset, and none is named", "give `--preset NAME`, or leave `--scale` out"
        )
    return load_preset(str(run.preset), None, None, adaptation.overrides)


def model_for(old: ModelConfig, task: str, num_classes: int) -> ModelConfig:
    """Return the checkpoint's model for a task: the stacks both need are kept."""
    if task not in STACKS:
        raise SynthError(f"unknown task `{task}`", f"tasks: {', '.join(f'`{name}`' for name in STACKS)}")
    stacks = {name: getattr(old, name) for name in ("encoder", "decoder") if name in STACKS[task]}
    missing = [name for name, stack in stacks.items() if stack is None]
    if missing:
        raise SynthError(
            f"a `{old.task}` model has no {missing[0]}, which `{task}` needs",
            f"it can become: {', '.join(f'`{t}`' for t in possible(old))}",
        )
    table = old.model_dump() | {
        "encoder": None,
        "decoder": None,
        **{n: s.model_dump() for n, s in stacks.items()},
    }
    table |= {"task": task, "num_classes": num_classes if task == "classification" else None}
    table["cross"] = table["cross"] if task == "seq2seq" else None
    return ModelConfig.model_validate(table)


def possible(model: ModelConfig) -> list[str]:
    """Return the tasks whose stacks a model has."""
    return [task for task, stacks in STACKS.items() if all(getattr(model, stack) for stack in stacks)]
