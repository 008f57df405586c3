"""Finetune: an experiment that starts from a checkpoint, on another corpus or for another task."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.examples.examples import LAYOUTS_OF
from synthcli.data.store.origin import shorten_name
from synthcli.data.tokenizers.base import NAMED
from synthcli.errors import SynthError
from synthcli.jobs.evaluate.evaluate import own_tokenizer, refuse_formless
from synthcli.model import ModelConfig
from synthcli.model_config.heads import HeadConfig
from synthcli.model_config.parts import STACKS, StackConfig
from synthcli.presets import load_preset, preset_names
from synthcli.presets.compatibility import KIND_OF_OUTPUT, KINDS_OF_TASK
from synthcli.presets.old_names import preset_now
from synthcli.presets.schema import Experiment, Start
from synthcli.progress import Say, say_nothing
from synthcli.runs import Run, find_checkpoint, read_experiment, run_of
from synthcli.training.checkpoints import Checkpoint, load_checkpoint

UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
TASK_OF_KIND = {
    "text": "causal-lm",
    "pairs": "seq2seq",
    "labelled": "classification",
    "scored": "classification",
    "choices": "classification",
}
METRIC_OF_TASK = {
    "causal-lm": "perplexity",
    "masked-lm": "perplexity",
    "seq2seq": "bleu",
    "classification": "accuracy",
}
OUTPUT_OF_KIND = {kind: output for output, kind in KIND_OF_OUTPUT.items()}


@dataclass(frozen=True)
class Adaptation:
    """What becomes of a checkpoint; None keeps what it has. `new_vocabulary` learns pieces of the corpus.

    `form` is that of the corpus's texts.
    """

    corpus: str
    source: Path | None = None
    task: str | None = None
    preset: str | None = None
    scale: str | None = None
    freeze: tuple[str, ...] = ()
    new_vocabulary: bool = False
    overrides: tuple[str, ...] = ()
    form: str | None = None


def adapt_experiment(path: Path, adaptation: Adaptation, say: Say = say_nothing) -> Experiment:
    """Return the experiment that finetunes a checkpoint; what is taken that nobody named is said."""
    checkpoint = load_checkpoint(path)
    kind = find_corpus(adaptation.corpus).kind
    task = adaptation.task or task_for(checkpoint.config.task, kind)
    model_keys = [word for word in adaptation.overrides if word.startswith("model.")]
    if model_keys:
        raise SynthError(
            f"`--set {model_keys[0]}` would change the model of the checkpoint",
            "train a new one with `synth train`",
        )
    base = base_experiment(checkpoint, adaptation, say)
    data = base.data.model_dump() | {
        "corpus": adaptation.corpus,
        "source": None if adaptation.source is None else str(adaptation.source.resolve()),
        "layout": layout_for(task, kind, base.data.layout),
        "masking": base.data.masking if task == "masked-lm" else None,
        "denoising": base.data.denoising if task == "seq2seq" and kind == "text" else None,
    }
    refuse_formless(adaptation.form, task)
    data["tokenizer"] = tokenizer_for(checkpoint, base, adaptation).model_dump()
    model = model_for(checkpoint.config, task, base.model, adaptation.corpus)
    if adaptation.new_vocabulary:
        model = model.model_copy(update={"vocab_size": base.data.tokenizer.size})
    vocabulary = "new" if adaptation.new_vocabulary else "checkpoint"
    start = Start(checkpoint=str(checkpoint.path), freeze=adaptation.freeze, vocabulary=vocabulary)
    evaluation = base.evaluation.model_dump()
    if data["layout"] != base.data.layout:  # what is said of windows and streams means nothing of rows
        evaluation |= {"window": None, "streams": 1, "context": 0}
    if (task, model.head.output) != (base.model.task, base.model.head.output):
        is_regression = model.head.output == "regression"
        evaluation["metrics"] = ("correlation" if is_regression else METRIC_OF_TASK[task],)
    table: dict[str, object] = base.model_dump() | {
        "name": f"{base.name}-on-{as_name(adaptation.corpus)}",
        "title": f"{base.title}, finetuned on {adaptation.corpus}",
        "model": model.model_dump(),
        "data": data,
        "evaluation": evaluation,
        "start": start.model_dump(),
    }
    return validate_adapted(table)


def tokenizer_for(checkpoint: Checkpoint, base: Experiment, adaptation: Adaptation) -> TokenizerConfig:
    """Return the checkpoint's tokenizer, or how a new one is learnt; both keep the form of its texts."""
    if not adaptation.new_vocabulary:
        return own_tokenizer(checkpoint, adaptation.form)
    own = base.data.tokenizer.form or (checkpoint.tokenizer.form if checkpoint.has_tokenizer else None)
    form = adaptation.form or (None if own == NAMED else own)
    return base.data.tokenizer.model_copy(update={"form": form})


def layout_for(task: str, kind: str, own: str) -> str:
    """Return how rows become examples: as they did, where rows of this kind can for this task."""
    return own if kind == "text" and own in LAYOUTS_OF.get(task, ()) else "rows"


def as_name(corpus: str) -> str:
    """Return a corpus as a part of an experiment's name, which has no `:`, `=` or spaces."""
    return UNFIT.sub("-", shorten_name(corpus)).strip("-")


def validate_adapted(table: Mapping[str, object]) -> Experiment:
    """Return the experiment, or raise with what the checkpoint, the corpus and the settings do not share."""
    try:
        return Experiment.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        hint = "change a setting with `--set KEY=VALUE`, or take those of another preset with `--preset NAME`"
        raise SynthError(problems, hint) from None


def base_experiment(checkpoint: Checkpoint, adaptation: Adaptation, say: Say) -> Experiment:
    """Return the experiment whose training settings are used: those of a preset named, else of the
    checkpoint's run, at another scale those of its preset."""
    if adaptation.preset is not None:
        return load_preset(adaptation.preset, adaptation.scale, None, adaptation.overrides)
    run = run_of(checkpoint.path)
    if run is None:
        raise SynthError(
            f"checkpoint `{checkpoint.path}` belongs to no run whose training settings could be used",
            "name a preset for them: `--preset wmt14-vanilla --scale hour`",
        )
    if adaptation.scale is None:
        return read_experiment(run, overrides=adaptation.overrides)
    name = preset_of(run)
    say(f"training settings: preset `{name}` at scale `{adaptation.scale}`")
    return load_preset(name, adaptation.scale, None, adaptation.overrides)


def preset_of(run: Run) -> str:
    """Return the name of a run's preset; of a run that began with another one, of that one's."""
    experiment = read_experiment(run)
    if preset_now(experiment.name) in preset_names():
        return preset_now(experiment.name)
    before = None
    if experiment.start is not None:
        with suppress(SynthError):  # it may have gone
            before = run_of(find_checkpoint(experiment.start.checkpoint))
    if before is not None:
        return preset_of(before)
    message = (
        f"`--scale` is one of a preset's, and no preset is called `{experiment.name}`, as run `{run.path}` is"
    )
    raise SynthError(message, "name the preset whose settings to take: `--preset FILE`")


def task_for(own: str, kind: str) -> str:
    """Return what to finetune for: the checkpoint's own task where a corpus of this kind serves it."""
    return own if kind in KINDS_OF_TASK[own] else TASK_OF_KIND[kind]


def model_for(old: ModelConfig, task: str, base: ModelConfig, corpus: str) -> ModelConfig:
    """Return the checkpoint's model for a task: the stacks both need are kept, a new head is as in `base`."""
    if task not in STACKS:
        raise SynthError(f"unknown task `{task}`", f"tasks: {', '.join(f'`{name}`' for name in STACKS)}")
    stacks = stacks_for(old, task)
    missing = [name for name, stack in stacks.items() if stack is None]
    if missing:
        raise SynthError(
            f"a `{old.task}` model has no {missing[0]}, which `{task}` needs",
            f"it can become: {', '.join(f'`{t}`' for t in possible(old))}",
        )
    head, classes = head_for(old, task, base), None
    if task == "classification":
        found = find_corpus(corpus)
        output = OUTPUT_OF_KIND.get(found.kind, head.output)
        head = head.model_copy(update={"output": output})
        classes = found.num_classes if output == "classes" else None
    table = old.model_dump() | {
        "encoder": None,
        "decoder": None,
        **{n: s.model_dump() for n, s in stacks.items() if s is not None},
    }
    # the store names the classes; what the checkpoint knows of them is found by name when it is loaded
    table |= {"task": task, "num_classes": classes, "class_names": None, "head": head.model_dump()}
    table["cross"] = table["cross"] if task == "seq2seq" else None
    return ModelConfig.model_validate(table)


def stacks_for(old: ModelConfig, task: str) -> dict[str, StackConfig | None]:
    """Return the stacks of a task, None where a model has none; a classifier may read by a decoder."""
    names = ("decoder",) if task == "classification" and old.encoder is None else STACKS[task]
    return {name: getattr(old, name) for name in names}


def head_for(old: ModelConfig, task: str, base: ModelConfig) -> HeadConfig:
    """Return the head: the checkpoint's where it has one that the task reads alike, else that of `base`, else
    a plain one.

    Words and classes are read by different heads. A new classifier on a decoder reads the last position, the
    one that sees the whole text.
    """
    is_classifier = task == "classification"
    for model in (old, base):
        if (model.task == "classification") == is_classifier and model.has_head:
            is_new = is_classifier and old.encoder is None and model.encoder is not None
            return model.head.model_copy(update={"pool": "last"}) if is_new else model.head
    return HeadConfig(pool="last") if is_classifier and old.encoder is None else HeadConfig()


def possible(model: ModelConfig) -> list[str]:
    """Return the tasks whose stacks a model has."""
    return [task for task in STACKS if all(stacks_for(model, task).values())]
