"""What results of compressing hold, key by key, as `results/compress.json` and `probe.json` have them."""

from typing import Literal, NotRequired, TypedDict, final

from synthcli.compress.probe.figures import Interval

ProbedFigure = Literal["nmse", "kl", "cosine", "neighbours"]


class StartTrial(TypedDict):
    """A start that was tried: its NMSE before and after training; `why` it came to nothing where it did."""

    start: str
    before: float | None
    after: float | None
    why: str


class LayerFigures(TypedDict):
    """How a block or a layer was made; `curve` holds steps and NMSE on held-out text."""

    parameters_before: int
    parameters_after: int
    nmse_before: float
    nmse_after: float
    steps: int
    kept_step: int
    seconds: float
    curve: list[list[float]]
    trials: list[StartTrial]


class BlockRow(LayerFigures):
    """A block that was distilled."""

    block: int
    mixer: str
    start: str


class MergeRow(LayerFigures):
    """Layers that were merged; `drops` are those that a copy in their place leaves out."""

    layers: list[int]
    mixer: str
    d_ff: int | None
    start: str
    drops: list[int]


class SplitCounts(TypedDict):
    """How much of a split was read."""

    split: str
    sequences: int
    tokens: int


class StudentText(TypedDict):
    """The text that a student was made on."""

    corpus: str
    store: str
    layout: str
    max_length: int
    learnt_from: SplitCounts
    judged_by: SplitCounts


@final
class DistillResult(TypedDict):
    """What a distillation found; `model` has parameters before and after, and the figures of a fidelity."""

    method: str
    teacher: dict[str, str]
    text: StudentText
    criterion: str
    conditioned: str
    seed: int
    device: str
    protocol: str
    blocks: list[BlockRow]
    model: dict[str, float]
    seconds: float
    run: NotRequired[str]


@final
class MergeResult(TypedDict):
    """What merging found; `layers` are the teacher's that the student's stand for."""

    method: str
    teacher: dict[str, str]
    layers: list[int]
    text: StudentText
    conditioned: str
    seed: int
    device: str
    protocol: str
    merges: list[MergeRow]
    model: dict[str, float]
    seconds: float
    run: NotRequired[str]


@final
class HealAccount(TypedDict, total=False):
    """What the run of a student says of how it was made; a healing adds its figures before and after."""

    method: str
    teacher: dict[str, str]
    student: dict[str, str]
    layers: list[int]
    device: str
    before: dict[str, float]
    after: dict[str, float]
    run: str


class PlannedBlock(TypedDict):
    """What is known of a block before anything is computed."""

    block: int
    mixer: str
    start: str
    steps: int
    parameters_before: int
    parameters_after: int


class FindingRow(TypedDict):
    """A replacement in a layer: `ProbeFinding` in compress/probe/figures.py."""

    layer: int
    replacement: str
    what: str
    start: str
    share: float | None
    nmse: float | None
    kl: float | None
    cosine: float | None
    neighbours: float | None
    seconds: float
    why: str
    kl_interval: Interval
    rise: float | None
    rise_interval: Interval


class WithoutRow(TypedDict):
    """How much the loss rises where a layer's mixer does nothing, and whether the sample can tell."""

    layer: int
    rise: float | None
    rise_interval: Interval
    is_resolved: bool | None


class ProbedText(TypedDict):
    """The text that a probe read."""

    corpus: str
    store: str
    max_length: int
    computed_on: SplitCounts
    judged_by: SplitCounts


@final
class ProbeReport(TypedDict):
    """What a probe found."""

    teacher: dict[str, str]
    text: ProbedText
    protocol: str
    device: str
    stack: str
    layers: list[int]
    replacements: list[str]
    findings: list[FindingRow]
    without: list[WithoutRow]
    seconds: float
