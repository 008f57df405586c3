"""What is listed and reported of a run, key by key, as `synth runs` prints it as JSON."""

from typing import TypedDict

from synthcli.runs.inventory import RunFacts


class ListedRun(RunFacts):
    """A folder among runs: null is what it does not say."""

    path: str
    id: str | None
    name: str | None
    kind: str
    state: str
    bytes: int


class StepValue(TypedDict):
    """A value at a step."""

    step: int
    value: float


class RunSpeed(TypedDict):
    """Seconds of training, tokens a second, and the most bytes that were held."""

    seconds: float
    tokens_per_second: float | None
    peak_memory: int | None
    peak_gpu_memory: int | None


class ListedCheckpoint(TypedDict):
    """A checkpoint of a run."""

    name: str
    step: int
    validation_loss: float | None
    bytes: int


class RunUse(TypedDict):
    """A run that points to another, and as what."""

    run: str
    role: str


class RunStore(TypedDict):
    """The store a run reads: its hash, and where it is now."""

    hash: str
    path: str | None


class RunReport(ListedRun):
    """All that a run says of itself."""

    title: object
    scale: object
    made_of: dict[str, str]
    used_by: list[RunUse]
    store: RunStore | None
    checkpoints: list[ListedCheckpoint]
    losses: dict[str, StepValue | None]
    speed: RunSpeed
    results: dict[str, dict[str, object]]
    sizes: dict[str, int]
    sessions: list[dict[str, object]]
    notes: list[str]
