"""Evaluate a checkpoint: the data it is evaluated on, its scores, the result beside its run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synthcli.data.config import BatchConfig, DataConfig, TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.corpora.forms import FORMED, check_form
from synthcli.data.examples.examples import Examples, check_rows
from synthcli.data.store.origin import shorten_name
from synthcli.data.store.store import Store
from synthcli.data.tokenizers import Tokenizer
from synthcli.device import current_device, device_of
from synthcli.errors import SynthError, carry_result
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.kept_samples import figures_to_lines
from synthcli.evaluation.measure import EvaluationJob, evaluate_metric, refuse_headless, refuse_metric
from synthcli.evaluation.outputs import SCORERS
from synthcli.evaluation.result import Figure, Result
from synthcli.evaluation.score import Score
from synthcli.jobs.evaluate.notes import notes_on
from synthcli.jobs.evaluate.outputs import Keep, keeper, refuse_no_outputs
from synthcli.jobs.evaluate.source import is_own_source, notes_on_store, with_whole_file
from synthcli.jobs.shortage import suggest_less
from synthcli.jobs.stores import examples_of, keep_tokenizer, store_for
from synthcli.model import TaskModel
from synthcli.presets.schema import Experiment
from synthcli.progress import Progress, no_progress
from synthcli.runs import read_experiment, run_of
from synthcli.runs.environment import describe_device, read_versions
from synthcli.runs.references import portable
from synthcli.training.checkpoints import Checkpoint, load_checkpoint, model_of

RECORDED = ("synthcli", "torch", "sacrebleu", "rouge-score", "tokenizers", "sentencepiece")


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate a checkpoint on where it differs from its preset; None keeps the preset's.

    `settings` are in place of all of `[evaluation]`.
    """

    metric: str
    corpus: str | None = None
    source: Path | None = None
    split: str | None = None
    limit: int | None = None
    beam: int | None = None
    batch_size: int | None = None
    rouge_tokenizer: str | None = None
    form: str | None = None
    save_outputs: bool | None = None
    settings: EvaluationConfig | None = None


def evaluate_checkpoint(
    path: Path,
    request: EvaluationRequest,
    progress: Progress = no_progress,
    preparing: Progress = no_progress,
) -> Result:
    """Evaluate a checkpoint, and write the result into the run it belongs to."""
    checkpoint = load_checkpoint(path)
    run = run_of(checkpoint.path)
    refuse_metric(request.metric, checkpoint.config.task)
    refuse_headless(checkpoint.config)
    refuse_no_outputs(request.metric, checkpoint.config.task, run, request.save_outputs)
    if run is not None:
        run.refuse_unwritable()
    experiment = experiment_of(checkpoint)
    refuse_formless(request.form, checkpoint.config.task)
    data = data_for(checkpoint, experiment, request)
    config = options_for(experiment, request)
    check_rows(data.corpus, find_corpus(data.corpus).kind, checkpoint.config.task, data.denoising)
    is_own = experiment is not None and data is experiment.data
    store = store_for(data, preparing, run.store_hash if run is not None and is_own else None)
    if request.split is None and len(store.splits) == 1:  # of a file that is not cut
        config = config.model_copy(update={"split": store.splits[0]})
    refuse_other_tokenizer(checkpoint, store)
    examples = examples_of(store, config.split, checkpoint.config, data, config)
    lines: list[str] = []
    samples: list[str] = []
    keep = None if run is None or request.save_outputs is False else keeper(lines)
    result = evaluate_model(
        model_of(checkpoint).to(current_device()),
        checkpoint.tokenizer,
        examples,
        config,
        request,
        progress,
        label_of(checkpoint),
        keep,
        lambda scores: samples.append(figures_to_lines(scores)),
    )
    result = replace(result, notes=(*notes_on_store(store, config.split, run, experiment), *result.notes))
    if run is not None:
        name = file_name(result, request.form)
        with carry_result(result):
            if lines:
                outputs = run.write_outputs(name, lines[0])
                result = replace(result, outputs=outputs.name)
            run.write_samples(name, samples[0])
            run.write_result(name, portable(result.to_json(), run))
    return result


def evaluate_model(
    model: TaskModel,
    tokenizer: Tokenizer,
    examples: Examples,
    config: EvaluationConfig,
    request: EvaluationRequest,
    progress: Progress,
    label: tuple[str, int],
    keep: Keep | None = None,
    take_scores: Callable[[list[Score]], None] | None = None,
) -> Result:
    """Measure a model on the examples of a split; `label` is its checkpoint and step."""
    size = len(examples)
    chosen = np.arange(size if request.limit is None else min(request.limit, size))
    began = time.monotonic()
    evaluated = EvaluationJob(model, tokenizer, examples, config, chosen, progress, keep)
    with suggest_less(sizes_of(evaluated, request.metric)):
        scores = evaluate_metric(request.metric, evaluated)
    seconds = time.monotonic() - began
    if take_scores is not None:
        take_scores(scores)
    return Result(
        metric=request.metric,
        figures=tuple(Figure.of(score, config.bootstrap, config.seed) for score in scores),
        samples=len(chosen),
        split_size=size,
        limit=request.limit,
        corpus=examples.store.corpus,
        split=config.split,
        store=examples.store.hash,
        checkpoint=label[0],
        step=label[1],
        options=config.model_dump(mode="json", exclude={"metrics", "split"}) | form_of(examples),
        notes=notes_on(examples, request.metric, config),
        seconds=round(seconds, 2),
        versions=read_versions(RECORDED),
        device=describe_device(device_of(model)),
    )


def sizes_of(evaluated: EvaluationJob, metric: str) -> dict[str, int]:
    """Return what decides how much memory a metric takes, by its option; of streams nothing does."""
    if evaluated.examples.is_stream:
        return {}
    writes = metric in SCORERS and evaluated.model.config.task == "seq2seq"
    beam = {"--beam": evaluated.config.beam} if writes else {}
    return {"--batch-size": min(evaluated.config.batch_size, len(evaluated.chosen))} | beam


def experiment_of(checkpoint: Checkpoint) -> Experiment | None:
    """Return the experiment a checkpoint was trained by; one outside a run has none."""
    run = run_of(checkpoint.path)
    return None if run is None else read_experiment(run)


def data_for(checkpoint: Checkpoint, experiment: Experiment | None, request: EvaluationRequest) -> DataConfig:
    """Return the data to evaluate on: the preset's, or another corpus in the checkpoint's own pieces."""
    is_own = experiment is not None and is_own_source(experiment.data, request.corpus, request.source)
    if experiment is not None and is_own and request.form in (None, checkpoint.tokenizer.form):
        return experiment.data
    corpus = request.corpus or (experiment.data.corpus if experiment else None)
    if corpus is None:
        raise SynthError(
            f"checkpoint `{checkpoint.path}` belongs to no run that names its corpus",
            "name one: `--corpus NAME`",
        )
    tokenizer = own_tokenizer(checkpoint, request.form)
    source = None if request.source is None else str(request.source)
    if experiment is not None and is_own:
        source = source or experiment.data.source
    table = {"corpus": corpus, "source": source, "tokenizer": tokenizer, "batch": BatchConfig(size=1)}
    return with_whole_file(DataConfig.model_validate(table | forms_of(experiment, corpus)))


def forms_of(experiment: Experiment | None, corpus: str) -> dict[str, object]:
    """Return how rows became examples in training, as far as it means something for a corpus."""
    if experiment is None:
        return {}
    is_text = find_corpus(corpus).kind == "text"
    keys = {"masking"} | ({"layout", "denoising"} if is_text else set())
    return experiment.data.model_dump(include=keys)


def own_tokenizer(checkpoint: Checkpoint, form: str | None = None) -> TokenizerConfig:
    """Return the configuration that takes a checkpoint's own tokenizer, and its texts' form or another."""
    return keep_tokenizer(checkpoint.tokenizer, checkpoint.path, form)


def refuse_formless(form: str | None, task: str) -> None:
    """Raise for a form of texts that is unknown, or that this task's texts do not have."""
    if form is None:
        return
    check_form(form)
    if task != "classification":
        message = f"`--form` is of texts that are classified, and this is a `{task}` model"
        raise SynthError(message, "leave it out")


def options_for(experiment: Experiment | None, request: EvaluationRequest) -> EvaluationConfig:
    """Return how to evaluate: the preset's way, and what the request changes."""
    own = experiment.evaluation if experiment else EvaluationConfig(metrics=(request.metric,))
    base = request.settings or own
    asked = {
        "split": request.split,
        "beam": request.beam,
        "batch_size": request.batch_size,
        "rouge_tokenizer": request.rouge_tokenizer,
    }
    changed = {key: value for key, value in asked.items() if value is not None}
    return EvaluationConfig.model_validate({**base.model_dump(), **changed})


def refuse_other_tokenizer(checkpoint: Checkpoint, store: Store) -> None:
    """Raise where a store's ids mean other words than the model's."""
    if store.tokenizer.hash != checkpoint.tokenizer.hash:
        raise SynthError(
            f"the store `{store.path}` was made with another tokenizer than checkpoint `{checkpoint.path}`",
            "name its corpus with `--corpus NAME`: it is prepared again in the checkpoint's own pieces",
        )


def form_of(examples: Examples) -> dict[str, str]:
    """Return the form of texts that are classified, as a result keeps it."""
    store = examples.store
    return {"form": store.tokenizer.form} if store.kind in FORMED else {}


def label_of(checkpoint: Checkpoint) -> tuple[str, int]:
    return str(checkpoint.path), checkpoint.step


def file_name(result: Result, form: str | None = None) -> str:
    """Name a result so that different questions do not overwrite each other; `form` is one asked for."""
    words = [result.metric, shorten_name(result.corpus), result.split, f"step-{result.step:08d}"]
    if result.options["beam"] != 1 and result.metric in ("bleu", "rouge", "cider", "accuracy"):
        words.append(f"beam-{result.options['beam']}")
    if result.metric == "rouge" and result.options["rouge_tokenizer"] != "ascii":
        words.append(str(result.options["rouge_tokenizer"]))
    if form is not None:
        words.append(form)
    if result.limit is not None:
        words.append(f"limit-{result.limit}")
    return ".".join(words)
