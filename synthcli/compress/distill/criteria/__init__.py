"""Criteria: how far a student is from its teacher. Adding one is a file here and a line in `CRITERIA`."""

from collections.abc import Callable

from torch import nn

from synthcli.compress.distill.criteria.base import Criterion, Given
from synthcli.compress.distill.criteria.ce_logits import ce_logits
from synthcli.compress.distill.criteria.ce_scores import ce_scores
from synthcli.compress.distill.criteria.cosine import cosine
from synthcli.compress.distill.criteria.kl_output import kl_output
from synthcli.compress.distill.criteria.l1 import l1
from synthcli.compress.distill.criteria.mse import mse
from synthcli.compress.distill.criteria.mse_scores import mse_scores
from synthcli.compress.distill.criteria.relation import relation
from synthcli.errors import SynthError, did_you_mean

CRITERIA: dict[str, Callable[[Given, nn.Module], Criterion]] = {
    "mse": mse,
    "l1": l1,
    "mse-scores": mse_scores,
    "ce-scores": ce_scores,
    "relation": relation,
    "cosine": cosine,
    "ce-logits": ce_logits,
    "kl-output": kl_output,
}
OF_HEADS = ("mse-scores", "ce-scores")  # they compare maps head by head, and values not at all


def criterion(name: str, given: Given, student: nn.Module) -> Criterion:
    """Return a criterion by name for a student; one that does not fit it says which to use instead."""
    if name not in CRITERIA:
        raise SynthError(f"unknown criterion `{name}`", did_you_mean(name, CRITERIA))
    return CRITERIA[name](given, student)


__all__ = ["CRITERIA", "OF_HEADS", "Criterion", "Given", "criterion"]
