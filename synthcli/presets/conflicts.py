"""Settings that are allowed each by itself and mean nothing together, each with the reason."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthcli.data.config import DataConfig
    from synthcli.evaluation.config import EvaluationConfig
    from synthcli.model_config.model import ModelConfig
    from synthcli.training.config import TrainingConfig


def clashes(
    model: "ModelConfig", data: "DataConfig", training: "TrainingConfig", evaluation: "EvaluationConfig"
) -> Iterator[str]:
    """Yield what is wrong between the tables of an experiment."""
    if training.label_smoothing:
        yield from of_smoothing(model, training.label_smoothing)
    yield from of_context(model, data.layout, evaluation)
    if data.layout != "streams":
        yield from of_evaluation(data.layout, evaluation)
    elif model.task == "causal-lm":
        yield from find_stream_conflicts(model, evaluation)


def of_smoothing(model: "ModelConfig", label_smoothing: float) -> Iterator[str]:
    """Yield why the targets of a model cannot be smoothed."""
    key, output = f"`training.label_smoothing = {label_smoothing}`", model.head.output
    if model.task != "classification" and model.embeddings.has_adaptive_head:
        yield f"{key} has no meaning for an adaptive softmax; set it to 0, or leave out `embeddings.cutoffs`"
    if model.task == "classification" and output != "classes":
        yield f'{key} spreads a target over classes, and `head.output = "{output}"` has none; set it to 0'


def of_evaluation(layout: str, evaluation: "EvaluationConfig") -> Iterator[str]:
    """Yield what is said of streams where a split is read in pieces."""
    reason = f'only a split read as streams has, and `data.layout = "{layout}"` reads it in pieces'
    if evaluation.window is not None:
        key = f"`evaluation.window = {evaluation.window}`"
        yield f'{key} is of the past that {reason}; leave it out, or set `data.layout = "streams"`'
    if evaluation.streams > 1:
        key = f"`evaluation.streams = {evaluation.streams}`"
        yield f'{key} are parts that {reason}; set it to 1, or set `data.layout = "streams"`'


def of_context(model: "ModelConfig", layout: str, evaluation: "EvaluationConfig") -> Iterator[str]:
    """Yield why windows cannot overlap by the context that is asked for."""
    key = f"`evaluation.context = {evaluation.context}`"
    if evaluation.context and (model.task != "causal-lm" or layout != "packed"):
        yield f'{key} lets windows of packed text overlap, for a causal-lm with `data.layout = "packed"`'
    elif evaluation.context >= (model.max_target_length or evaluation.context + 1):
        yield f"{key} leaves nothing to predict of a window, `decoder.max_length = {model.max_target_length}`"


def find_stream_conflicts(model: "ModelConfig", evaluation: "EvaluationConfig") -> Iterator[str]:
    """Yield why a model cannot read segment after segment."""
    if not model.is_recurrent:
        kinds = ", ".join(sorted({f"`{mixer.kind}`" for _, _, mixer in model.mixers()}))
        yield (
            '`data.layout = "streams"` carries a state of a fixed size from segment to segment, and '
            f'{kinds} has none; use mixers of kind "sru" or "srupp", or `data.layout = "packed"`'
        )
        return
    longest = model.max_target_length or 0
    if model.embeddings.positions == "learned":
        yield (
            f'`embeddings.positions = "learned"` ends after {model.embeddings.max_positions or longest} '
            'positions, and `data.layout = "streams"` has no end; '
            'use "none", "rotary", "alibi" or "sinusoidal"'
        )
    scores = [score for _, _, mixer in model.mixers() for score in getattr(mixer, "scores", ())]
    tables = sorted({score.kind for score in scores if score.has_length_limit})
    if tables and (evaluation.window or 0) > longest:
        yield (
            f"`evaluation.window = {evaluation.window}` is more than the tables of `{tables[0]}` scores "
            f"hold: a segment and as many positions before it, `max_length = {longest}`"
        )
