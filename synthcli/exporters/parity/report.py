"""What is told of an exported folder: the parts of `PARITY.json`."""

from typing import NotRequired, TypedDict


class CaseReport(TypedDict):
    """How one case went; differences are largest and mean ones of logits at real positions."""

    batch: int
    length: int
    padded: bool
    max_difference: float
    mean_difference: float
    loss_difference: float
    compared: int
    same: int


class Agreement(TypedDict):
    """The share of chosen tokens, or of best classes, that are the same."""

    tokens: int
    agreement: float
    steps: NotRequired[int]
    ties: NotRequired[int]
    padded_batch_agreement: NotRequired[float]
    without_cache_agreement: NotRequired[float]


class Latency(TypedDict):
    """Seconds of one call here, those of ours, and how many of these."""

    ours_seconds: float
    seconds: float
    ratio: float


class ParityReport(TypedDict):
    """What `PARITY.json` says of a folder, but for the exporter's name."""

    holds: bool
    reasons: list[str]
    tolerance: float
    largest_logit: float
    allowed_difference: float
    max_difference: float
    mean_difference: float
    loss_difference: float
    greedy: Agreement
    cases: list[CaseReport]
    latency: NotRequired[dict[str, Latency | int]]
    versions: NotRequired[dict[str, str]]
    left_padding_max_difference: NotRequired[float]
    runs_own_code: NotRequired[bool]
    runs_without_project: NotRequired[bool]
    tensors: NotRequired[int]
