"""How near a model is to its teacher on plain text.

Of what predicts tokens, or classes: mean KL(p‖p̂) in nats, and how often the first choice is the same.
Of an encoder that came without a head: the mean cosine of last hidden states, and how many sequences have the
same nearest neighbour; logits through its embedding matrix were never trained to predict anything.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import batches_by_length
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import batch_on, last_hidden_of, logits_of
from synthcli.device import device_of
from synthcli.evaluation.agreement import kl_divergence, same_neighbours
from synthcli.model.interface import get_config
from synthcli.objectives import Batch

TOKENS = 1024  # of a batch: logits are wide


@dataclass(frozen=True)
class Fidelity:
    """`divergence` in nats and `agreement` as a share, over `positions`; of an encoder without a head
    `cosine` over `positions`, and `neighbours` as a share of sequences.
    """

    positions: int
    divergence: float | None = None
    agreement: float | None = None
    cosine: float | None = None
    neighbours: float | None = None

    def to_json(self) -> dict[str, float | int]:
        """Return the figures there are."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def describe_outputs(near: dict[str, float]) -> str:
    """Return the figures of a fidelity in words: `0.0123 nats from its teacher, …`."""
    if "cosine" in near:
        return (
            f"hidden states of cosine {near['cosine']:.4f} with its teacher's over {near['positions']:,} "
            f"positions, the same nearest neighbour for {near['neighbours']:.1%} of sequences"
        )
    return (
        f"{near['divergence']:.4f} nats from its teacher, the same top-1 token at {near['agreement']:.1%} "
        f"of {near['positions']:,} positions"
    )


@torch.no_grad()
def measure_fidelity(teacher: nn.Module, student: nn.Module, text: Calibration) -> Fidelity:
    """Compare two models at every real position of a text."""
    config = get_config(teacher)
    compare = _compare_logits if config.has_head else _compare_hidden
    return compare(teacher, student, text)


def _batches(text: Calibration, model: nn.Module) -> Iterator[Batch]:
    """Yield batches where a model is."""
    for indices in batches_by_length(text.lengths, TOKENS):
        yield batch_on(device_of(model), text.batch(indices))


def _compare_logits(teacher: nn.Module, student: nn.Module, text: Calibration) -> Fidelity:
    divergence, same, count = 0.0, 0, 0
    for batch in _batches(text, teacher):
        models = (teacher, student)
        target, prediction = (_real_rows(logits_of(model, batch), batch["padding"]) for model in models)
        divergence += float(kl_divergence(target, prediction).double().sum())
        same += int((target.argmax(-1) == prediction.argmax(-1)).sum())
        count += len(target)
    return Fidelity(count, divergence / count, same / count)


def _compare_hidden(teacher: nn.Module, student: nn.Module, text: Calibration) -> Fidelity:
    pairs = (
        (last_hidden_of(teacher, batch), last_hidden_of(student, batch), batch["padding"])
        for batch in _batches(text, teacher)
    )
    return hidden_fidelity(pairs)


def hidden_fidelity(pairs: Iterator[tuple[Tensor, Tensor, Tensor | None]]) -> Fidelity:
    """Compare last hidden states  (teacher's, student's: batch, length, d_model; padding) batch by batch."""
    total, count = 0.0, 0
    vectors: tuple[list[Tensor], list[Tensor]] = ([], [])
    for target, prediction, padding in pairs:
        cosines = _real_rows(hidden_cosine(target, prediction)[..., None], padding)
        total, count = total + float(cosines.double().sum()), count + len(cosines)
        for mean_states, states in zip(vectors, (target, prediction), strict=True):
            mean_states.append(mean_hidden(states, padding))
    theirs, ours = (torch.cat(one) for one in vectors)
    share = same_neighbours(ours, theirs).value / 100 if len(ours) > 1 else 1.0
    return Fidelity(count, cosine=total / count, neighbours=share)


def hidden_cosine(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the cosine of the hidden states of every position, in float32 at least."""
    wide = torch.promote_types(teacher.dtype, torch.float32)
    return nn.functional.cosine_similarity(teacher.to(wide), student.to(wide), dim=-1)


def mean_hidden(hidden: Tensor, padding: Tensor | None) -> Tensor:
    """Return the mean over real positions  (batch, d_model)."""
    if padding is None:
        return hidden.mean(1)
    is_real = (~padding)[:, :, None].to(hidden.dtype)
    return (hidden * is_real).sum(1) / is_real.sum(1)


def _real_rows(figures: Tensor, padding: Tensor | None) -> Tensor:
    """Return a row for every real position, or sequence."""
    if figures.dim() == 2:
        return figures
    return figures.flatten(0, 1) if padding is None else figures[~padding]
