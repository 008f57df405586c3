"""Agreement of a model with a teacher and with a larger reference, position by position.

KL(p‖q) = Σ_v p_v (log p_v − log q_v), p the teacher's distribution, q the model's  (Hinton et al. 2015);
agreement in the top k: the model's first choice is among the k words the reference finds most probable.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthcli.evaluation.bootstrap import Array, Sampled, ratio
from synthcli.evaluation.score import Score

TOPS = (1, 5, 10)
ROWS = 1024  # cosines of so many samples with all others at a time
COLUMNS = ("kl", *(f"top{k}" for k in TOPS), "right", "reference_right")

Logits = Float[Tensor, "positions vocabulary"]


def kl_divergence(teacher: Logits, student: Logits) -> Float[Tensor, " positions"]:
    """Return KL(teacher‖student) of every position in nats, in float32 at least."""
    wide = torch.promote_types(student.dtype, torch.float32)
    log_p, log_q = (logits.to(wide).log_softmax(-1) for logits in (teacher, student))
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def rank_of(choice: Int[Tensor, " positions"], reference: Logits) -> Int[Tensor, " positions"]:
    """Return how many words the reference finds more probable than the one chosen; equals are not more."""
    return (reference > reference.gather(-1, choice[:, None])).sum(-1)


def tally(
    student: Logits, reference: Logits, truth: Int[Tensor, " positions"]
) -> Float[Tensor, "positions k"]:
    """Return for every position what the columns of `COLUMNS` add up."""
    choice = student.argmax(-1)
    rank = rank_of(choice, reference)
    right = (choice == truth, reference.argmax(-1) == truth)
    hits = [rank < k for k in TOPS]
    columns = [kl_divergence(reference, student).double(), *(hit.double() for hit in (*hits, *right))]
    return torch.stack(columns, dim=-1)


def agreement(sums: Array, positions: Array, reference: str) -> list[Score]:
    """Return the scores of sums (samples, columns) over so many positions of each sample.

    The divergence from a reference says little beside that from the teacher, and is left out.
    """
    scores = []
    for k in TOPS:
        protocol = f"positions whose first choice is among the {reference}'s first {k}, in per cent"
        scores.append(
            Score(f"{reference}_top{k}", _mean(100 * _column(sums, f"top{k}"), positions), protocol)
        )
    if reference == "teacher":
        protocol = "KL(teacher‖model) of a position, in nats"
        scores.insert(0, Score("kl", _mean(_column(sums, "kl"), positions), protocol, "", False))
        accuracy = "positions whose first choice is the text's own word, in per cent"
        scores.append(Score("accuracy", _mean(100 * _column(sums, "right"), positions), accuracy))
    protocol = f"the same of the {reference}"
    own = _mean(100 * _column(sums, "reference_right"), positions)
    return [*scores, Score(f"{reference}_accuracy", own, protocol)]


def _column(sums: Array, name: str) -> Array:
    return sums[:, COLUMNS.index(name)]


def _mean(column: Array, positions: Array) -> Sampled:
    """A resample without a position counts as one position."""
    return Sampled(np.stack((column, positions), axis=1), lambda s: ratio(np.maximum(s, (-np.inf, 1.0))))


def mean_sample_cosine(sums: Array) -> Score:
    """Return the mean cosine of sums (samples, 2) of cosines and of positions."""
    protocol = "cosine of the last hidden states with the teacher's, mean over real positions"
    return Score("cosine", Sampled(sums, ratio), protocol)


def neighbours(vectors: Float[Tensor, "samples d"]) -> Int[Tensor, " samples"]:
    """Return for every sample the one whose vector has the largest cosine with its own."""
    unit = torch.nn.functional.normalize(vectors.double(), dim=-1)
    nearest = torch.empty(len(unit), dtype=torch.long)
    for start in range(0, len(unit), ROWS):
        cosines = unit[start : start + ROWS] @ unit.T
        cosines[:, start:].fill_diagonal_(-torch.inf)
        nearest[start : start + ROWS] = cosines.argmax(-1).cpu()
    return nearest


def same_neighbours(student: Float[Tensor, "samples d"], teacher: Float[Tensor, "samples d"]) -> Score:
    """Return the share of samples whose nearest neighbour is the teacher's, in per cent."""
    same = (neighbours(student) == neighbours(teacher)).double().numpy()
    protocol = (
        "samples whose nearest neighbour (cosine of mean last hidden states) is the teacher's, in per cent"
    )
    return Score("neighbours", _mean(100 * same, np.ones_like(same)), protocol)
