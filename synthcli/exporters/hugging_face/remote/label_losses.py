"""Losses of classes, of numbers and of answers, as the configuration's `problem_type` says."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig

from synthcli.exporters.hugging_face.remote.losses import token_loss

REGRESSION: Final = "regression"
SINGLE: Final = "single_label_classification"
MULTI: Final = "multi_label_classification"
IGNORED = -100  # a label that counts for nothing


def label_loss(
    config: PretrainedConfig, logits: Tensor, labels: Tensor, count: Tensor | int | None = None
) -> Tensor:
    """Return squared error, cross-entropy of one class a text, or binary cross-entropy of every class.

    `labels` are (batch,), or (batch, labels) of several numbers or of classes that do not exclude each other.
    """
    problem, labels = problem_of(config, labels), labels.to(logits.device)
    refuse_labels(problem, logits, labels)
    if problem == SINGLE:
        return token_loss(logits, labels, count)
    logits = logits.float()
    targets = labels.view_as(logits).to(logits.dtype)
    if problem == REGRESSION:
        return average_errors(F.mse_loss(logits, targets, reduction="none"), count)
    return average_errors(F.binary_cross_entropy_with_logits(logits, targets, reduction="none"), count)


def problem_of(config: PretrainedConfig, labels: Tensor) -> str:
    """Return `problem_type`; where there is none it is what the first labels look like, and stays so."""
    if config.problem_type is None and config.num_labels == 1:
        config.problem_type = REGRESSION
    elif config.problem_type is None:
        config.problem_type = MULTI if labels.is_floating_point() else SINGLE
    return str(config.problem_type)


def refuse_labels(problem: str, logits: Tensor, labels: Tensor) -> None:
    """Raise for labels that are not those of a problem."""
    batch, width = logits.shape
    if problem == SINGLE and width == 1:
        raise ValueError(
            f'`problem_type` is "{SINGLE}" and there is one label, so that nothing can be learnt: give '
            f'`problem_type="{REGRESSION}"`, or more `num_labels`, to `from_pretrained`'
        )
    is_class = labels.numel() == batch and not labels.is_floating_point()
    if problem == SINGLE and not is_class:
        raise ValueError(
            f"`labels` {tuple(labels.shape)} of {labels.dtype} are not a class for each of {batch} texts, as "
            f'`problem_type` "{SINGLE}" has them: give `problem_type="{MULTI}"` or "{REGRESSION}" to '
            "`from_pretrained`"
        )
    if problem != SINGLE and labels.numel() != logits.numel():
        raise ValueError(
            f"`labels` {tuple(labels.shape)} are not {width} numbers for each of {batch} texts, as "
            f'`problem_type` "{problem}" has them'
        )


def average_errors(errors: Tensor, count: Tensor | int | None) -> Tensor:
    """Return the mean of errors, or their sum divided by the `count` of a whole batch."""
    if count is None:
        return errors.mean()
    return errors.sum() / (count.to(errors.device) if isinstance(count, Tensor) else count)


def span_loss(logits: Tensor, edges: Tensor, count: Tensor | int | None = None) -> Tensor:
    """Return the cross-entropy of the right position (batch,) of each text; past its end none counts."""
    length, edges = logits.shape[1], edges.flatten().to(logits.device)
    return token_loss(logits, torch.where(edges < length, edges.clamp_min(0), IGNORED), count)
