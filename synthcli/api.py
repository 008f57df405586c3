"""The Python interface, `from synthcli import train, evaluate, …`: what the commands do, as functions.

A function takes the words that its command takes, and where a command prints, it returns. `docs/python.md`
shows each. Nothing here loads torch before a function is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli.device import AUTO, on_device
from synthcli.errors import SynthError as SynthError  # noqa: PLC0414 - of the interface
from synthcli.errors import did_you_mean
from synthcli.presets import load_preset as load_preset  # noqa: PLC0414 - of the interface
from synthcli.progress import Say, say_nothing

if TYPE_CHECKING:
    import pandas
    from torch import nn

    from synthcli.data.tokenizers import Tokenizer
    from synthcli.evaluation.result import Result
    from synthcli.jobs.export.export import Exported
    from synthcli.jobs.score.score import ScoreReport
    from synthcli.model_config.model import ModelConfig
    from synthcli.presets.compression import Compression
    from synthcli.runs.run import Run


@dataclass(frozen=True)
class TrainedRun:
    """A finished training: where it is, and how it ended; losses are nats a target."""

    path: Path
    steps: int
    loss: float | None
    validation_loss: float | None

    def records(self) -> list[dict[str, object]]:
        """Return the journal: a row for each step that was logged and for each validation."""
        from synthcli.training.metrics_log import read_journal

        return read_journal(self.path / "journal.jsonl")

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the journal as a table, a column for each thing that was logged."""
        import pandas

        return pandas.DataFrame(self.records())


@dataclass(frozen=True)
class StudentRun:
    """What distilling or merging made of a teacher.

    `parameters` are those of whole models before and after. `divergence` in nats and `agreement` of top-1
    tokens as a share hold it against its teacher; an encoder without a head has neither.
    """

    path: Path
    parameters: tuple[int, int]
    divergence: float | None
    agreement: float | None
    rows: tuple[Mapping[str, object], ...]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a row for each block or layer that was made."""
        import pandas

        return pandas.DataFrame(list(self.rows))


Which = str | Path | TrainedRun | StudentRun | None
"""A model: by what made it here, or as a command names one (run, checkpoint, folder); None is the newest."""


def build(
    model: "str | ModelConfig", *, scale: str | None = None, overrides: Sequence[str] = ()
) -> "nn.Module":
    """Return a model as it is initialised: that of a preset, or of a configuration."""
    from synthcli.model import build as build_model

    config = load_preset(model, scale, None, overrides).model if isinstance(model, str) else model
    return build_model(config)


def train(
    preset: str,
    *,
    scale: str | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    device: str = AUTO,
    say: Say = say_nothing,
) -> TrainedRun:
    """Train a preset, or the preset in a file, in a new run; `overrides` are those of `--set`."""
    from synthcli.jobs.train import Observer, train_experiment
    from synthcli.runs.naming import refuse_run_name

    refuse_run_name(name, preset)
    experiment = load_preset(preset, scale, None, overrides).with_name(name)
    with on_device(device, say):
        trained = train_experiment(experiment, Observer(say))
    outcome = trained.outcome
    assert outcome is not None  # of a new run
    evaluation = outcome.evaluation
    return TrainedRun(
        trained.run.path,
        outcome.step,
        None if outcome.last is None else outcome.last.loss,
        None if evaluation is None else evaluation.loss,
    )


def load(run: Which = None) -> "tuple[nn.Module, Tokenizer]":
    """Return the model of a run or a checkpoint, in evaluation mode, and its tokenizer."""
    from synthcli.training.checkpoints import load_model

    return load_model(_checkpoint(run))


def evaluate(
    run: Which = None,
    metric: str | None = None,
    *,
    corpus: str | None = None,
    source: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    beam: int | None = None,
    batch_size: int | None = None,
    device: str = AUTO,
) -> "Result":
    """Evaluate a run by a metric, the first of its preset where none is named; a run keeps the result."""
    from synthcli.jobs.evaluate.evaluate import EvaluationRequest, evaluate_checkpoint

    path = _checkpoint(run)
    where = None if source is None else Path(source)
    asked = EvaluationRequest(metric or _metric_of(path), corpus, where, split, limit, beam, batch_size)
    with on_device(device):
        return evaluate_checkpoint(path, asked)


def score(
    outputs: str | Path | None = None,
    task: str = "translation",
    *,
    references: Sequence[str | Path] = (),
    protocols: Sequence[str] = (),
    **options: Any,
) -> "ScoreReport":
    """Score a file of outputs by every protocol of its task, or those named; `options` are the command's."""
    from synthcli.jobs.score.inputs import ScoreRequest
    from synthcli.jobs.score.score import score_outputs

    known = {field.name.removeprefix("is_"): field.name for field in fields(ScoreRequest)}
    for name in options:
        if name not in known:
            raise SynthError(f"unknown option `{name}`", did_you_mean(name, known))
    paths = tuple(Path(path) for path in references)
    for name in {"text", "rouge_data"} & options.keys():
        options[name] = Path(str(options[name]))
    table = {known[name]: value for name, value in options.items()}
    path = None if outputs is None else Path(outputs)
    return score_outputs(ScoreRequest(task, path, paths, tuple(protocols), **table))


def generate(
    run: Which,
    prompts: Sequence[str],
    *,
    beam: int = 1,
    max_length: int | None = None,
    device: str = AUTO,
) -> list[str]:
    """Return a translation, or a prompt and what follows it, for each prompt."""
    from synthcli.evaluation.config import EvaluationConfig
    from synthcli.jobs.generate import generate_texts

    search = EvaluationConfig(metrics=("bleu",), beam=beam, max_length=max_length)
    with on_device(device):
        return list(generate_texts(_checkpoint(run), list(prompts), search))


def distill(
    teacher: Which = None,
    *,
    preset: str | None = None,
    scale: str | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    device: str = AUTO,
    **options: object,
) -> StudentRun:
    """Replace the mixers of blocks by others and fit them to a teacher.

    `options` are the settings of `[compress]`: `blocks=(2,)` or `"all"`, `mixer`, `heads`, `d_head`, `steps`,
    `criterion`, `corpus`, …
    """
    from synthcli.jobs.compress.distill_block import prepare, run

    verb = "distill-block"
    asked = _load_compression(verb, teacher, options, preset, scale, overrides)
    if preset is None and "blocks" not in asked.config.model_fields_set:
        raise SynthError("no block is named", 'name one, `blocks=(6,)`, or `blocks="all"`, or a preset')
    with on_device(device):
        outcome = run(prepare(asked.config, asked.model, name or asked.name))
    result = outcome.to_json()
    return _student(outcome.run, result["model"], result["blocks"])


def merge(
    teacher: Which = None,
    *,
    layers: Sequence[int] = (),
    all_pairs: bool = False,
    preset: str | None = None,
    scale: str | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    device: str = AUTO,
    **options: object,
) -> StudentRun:
    """Put one layer in the place of neighbours.

    `options` are the settings of `[compress]`: `heads`, `start`, `steps`, …
    """
    from synthcli.jobs.compress.merge_layers import prepare, run

    if layers:
        options |= {"blocks": tuple(layers), "group": len(layers)}
    if all_pairs:
        options |= {"blocks": "all", "group": 2}
    asked = _load_compression("merge-layers", teacher, options, preset, scale, overrides)
    if preset is None and "blocks" not in asked.config.model_fields_set:
        raise SynthError("no layers are named", "name neighbours, `layers=(6, 7)`, or give `all_pairs=True`")
    with on_device(device):
        outcome = run(prepare(asked.config, name or asked.name))
    result = outcome.to_json()
    return _student(outcome.run, result["model"], result["merges"])


def export(
    run: Which = None, to: str = "hf", target: str | Path | None = None, *, replaces: bool = False
) -> "Exported":
    """Write a model as a folder that opens without synth, and prove that it computes the same."""
    from synthcli.jobs.export.export import export_checkpoint

    return export_checkpoint(
        _checkpoint(run), to, None if target is None else Path(target), replaces=replaces
    )


def _checkpoint(run: Which) -> Path:
    """Return the checkpoint that is meant: of a result, by the word of a command, or the newest."""
    from synthcli.runs.finding import find_checkpoint

    return find_checkpoint(_command_word(run))


def _command_word(which: Which) -> str | None:
    """Return how a command names it."""
    return None if which is None else str(getattr(which, "path", which))


def _metric_of(path: Path) -> str:
    """Return the first metric of a checkpoint's preset, or that of its task."""
    from synthcli.jobs.evaluate.evaluate import experiment_of
    from synthcli.jobs.finetune import METRIC_OF_TASK
    from synthcli.training.checkpoints import load_checkpoint

    checkpoint = load_checkpoint(path)
    experiment = experiment_of(checkpoint)
    return METRIC_OF_TASK[checkpoint.config.task] if experiment is None else experiment.evaluation.metrics[0]


def _load_compression(
    verb: str,
    teacher: Which,
    options: dict[str, object],
    preset: str | None,
    scale: str | None,
    overrides: Sequence[str],
) -> "Compression":
    """Return what is to be done; an option that there is not is refused."""
    from synthcli.compress.config import CONFIGS
    from synthcli.presets.compression import load_compression
    from synthcli.presets.merge import trace

    known = [key for key in CONFIGS[verb].model_fields if key != "method"]
    for key in options:
        if key not in known:
            raise SynthError(f"unknown option `{key}`", did_you_mean(key, known))
    given = options | {"teacher": _command_word(teacher)}
    settings = {key: list(one) if isinstance(one, tuple) else one for key, one in given.items()}
    named = {key: one for key, one in settings.items() if one is not None}
    return load_compression(verb, preset, scale, None, overrides, trace(named, "the call"))


def _student(run: "Run", model: Mapping[str, float], rows: Sequence[Mapping[str, object]]) -> StudentRun:
    """Return a student by what its run keeps of it."""
    counts = (int(model["parameters_before"]), int(model["parameters_after"]))
    return StudentRun(run.path, counts, model.get("divergence"), model.get("agreement"), tuple(rows))
