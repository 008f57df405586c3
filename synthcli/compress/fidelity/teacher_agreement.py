"""How far students agree with their teacher on a split: one pass over the text for all of them.

Predictions are compared where the task predicts: at the masked tokens of an encoder, at every next token of a
decoder. Hidden states are compared at every real position, each layer with the teacher's that it stands for.
An encoder that came without a head predicts no tokens: of it hidden states alone are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import batches_by_length
from synthcli.compress.activations.capture import batch_on
from synthcli.compress.fidelity.nmse import NMSE
from synthcli.compress.fidelity.outputs import hidden_cosine, mean_hidden
from synthcli.compress.healing import FORWARDS, hidden_states, stack_of
from synthcli.data.examples.examples import Examples
from synthcli.data.store.ragged import Indices
from synthcli.device import device_of
from synthcli.errors import WorkFailedError
from synthcli.evaluation.agreement import COLUMNS, agreement, mean_sample_cosine, same_neighbours, tally
from synthcli.evaluation.bootstrap import Array
from synthcli.evaluation.score import Score
from synthcli.model.interface import get_config
from synthcli.objectives import IGNORED, Batch
from synthcli.progress import Progress, no_progress

TOKENS = 1024  # of a batch: logits are wide


@dataclass
class StudentTally:
    """Sums over batches of a student; `layers` are the teacher's that its own stand for, if that is known."""

    model: nn.Module
    layers: tuple[int, ...] | None
    sums: dict[str, Array] = field(default_factory=dict)
    errors: list[NMSE] = field(default_factory=list)
    vectors: Tensor | None = None
    cosines: Array | None = None

    def begin(self, samples: int, d_model: int, references: Sequence[str], has_head: bool) -> None:
        self.sums = {name: np.zeros((samples, len(COLUMNS))) for name in references if has_head}
        self.cosines = None if has_head else np.zeros((samples, 2))
        self.errors = [NMSE() for _ in self.layers or ()]
        self.vectors = torch.zeros(samples, d_model)

    @property
    def layer_errors(self) -> list[float] | None:
        """NMSE of the stream after every layer."""
        return None if self.layers is None else [error.value for error in self.errors]


@dataclass(frozen=True)
class ModelOutputs:
    """A model's logits where tokens are predicted, and its residual stream after every layer."""

    logits: Tensor
    hidden: dict[int, Tensor]

    @property
    def last(self) -> Tensor:
        return self.hidden[max(self.hidden)]


@torch.inference_mode()
def evaluate_students(
    teacher: nn.Module,
    students: Sequence[StudentTally],
    examples: Examples,
    chosen: Indices,
    seed: int,
    reference: nn.Module | None = None,
    progress: Progress = no_progress,
) -> list[list[Score]]:
    """Return the scores of every student; what is hidden from them is a function of the seed."""
    references = ("teacher",) if reference is None else ("teacher", "reference")
    positions = np.zeros(len(chosen))
    config = get_config(teacher)
    for student in students:
        theirs = get_config(student.model)
        student.begin(len(chosen), theirs.d_model, references, config.has_head)
    vectors = torch.zeros(len(chosen), config.d_model)
    device = device_of(teacher)
    for places, on_host in batches(examples, chosen, seed, progress):
        batch = batch_on(device, on_host)
        outputs = run_model(teacher, batch)
        best = None if reference is None else run_model(reference, batch).logits
        positions[places] = where_predicted(batch).sum(1).cpu().numpy()
        vectors[torch.from_numpy(places)] = mean_hidden(outputs.last, batch.get("padding")).float().cpu()
        for student in students:
            add_batch(student, batch, places, outputs, best)
    return [score_positions(student, positions, vectors, config.task) for student in students]


def batches(
    examples: Examples, chosen: Indices, seed: int, progress: Progress
) -> Iterator[tuple[Indices, Batch]]:
    """Yield places in `chosen` and their batch, sequences of like length together."""
    done = 0
    for places in batches_by_length(examples.lengths[chosen], TOKENS):
        yield places, examples.collate(chosen[places], seed)
        done += len(places)
        progress("agreement", done, len(chosen))


def run_model(model: nn.Module, batch: Batch) -> ModelOutputs:
    """Run a model over a batch."""
    config = get_config(model)
    with hidden_states(model, range(len(stack_of(model).blocks))) as hidden:
        logits = FORWARDS[config.task](model, batch, where_predicted(batch))
    if not logits.isfinite().all():
        raise WorkFailedError("the model computes no finite numbers", "take an earlier checkpoint")
    return ModelOutputs(logits, dict(hidden))


def where_predicted(batch: Batch) -> Tensor:
    """Return the positions that have a target (batch, length)."""
    targets = batch["targets"]
    assert targets is not None
    return targets != IGNORED


def add_batch(
    student: StudentTally, batch: Batch, places: Indices, teacher: ModelOutputs, reference: Tensor | None
) -> None:
    """Add a batch to what is known of a student."""
    outputs, where = run_model(student.model, batch), where_predicted(batch)
    targets, padding = batch["targets"], batch.get("padding")
    assert targets is not None and student.vectors is not None
    rows = places[where.nonzero()[:, 0].cpu().numpy()]
    for name, logits in (("teacher", teacher.logits), ("reference", reference)):
        if logits is not None and name in student.sums:
            tallied = tally(outputs.logits, logits, targets[where]).cpu().numpy()
            np.add.at(student.sums[name], rows, tallied)
    for ours, theirs in enumerate(student.layers or ()):
        student.errors[ours].add(outputs.hidden[ours], teacher.hidden[theirs], padding)
    student.vectors[torch.from_numpy(places)] = mean_hidden(outputs.last, padding).float().cpu()
    if student.cosines is not None:
        student.cosines[places] = cosines_of(outputs.last, teacher.last, padding)


def cosines_of(student: Tensor, teacher: Tensor, padding: Tensor | None) -> Array:
    """Return the summed cosines of real positions, and their number, of each sample  (batch, 2)."""
    cosines = hidden_cosine(teacher, student).double()
    is_real = torch.ones_like(cosines) if padding is None else (~padding).double()
    return torch.stack(((cosines * is_real).sum(1), is_real.sum(1)), dim=1).cpu().numpy()


def score_positions(student: StudentTally, positions: Array, vectors: Tensor, task: str) -> list[Score]:
    """Return the scores of a student; nearest neighbours are those of encoders, which are used for them."""
    scores = [score for name, sums in student.sums.items() for score in agreement(sums, positions, name)]
    assert student.vectors is not None
    if student.cosines is not None:
        scores.append(mean_sample_cosine(student.cosines))
    if task == "masked-lm" and len(vectors) > 1:
        scores.append(same_neighbours(student.vectors, vectors))
    return scores
