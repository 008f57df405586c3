"""SRU whose gates do not read: moving averages of a linear map, by ridge.

With constant gates c_t = f c_{t−1} + (1 − f) W x_t is W z_t, z a moving average of x; h = r c + (1 − r) x.
Every column takes of `FORGET` the f that explains its y best; training then finds gates that do read.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from synthcli.compress.activations.moments import CHECKED
from synthcli.compress.distill.closed_forms.ridge import STRENGTHS, penalty
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.compress.fidelity.nmse import passages
from synthcli.errors import SynthError
from synthcli.model.mixers import SRU
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.recurrent import SRUConfig

FORGET = (0.02, 0.3, 0.6, 0.85, 0.96)
RESET = 0.95  # r: near 1, where its gate can still learn


@torch.no_grad()
def moving_averages(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return an SRU by ridge."""
    student = layer.fresh(config)
    if not isinstance(config, SRUConfig) or not isinstance(student, SRU) or not fits(student):
        message = f"a `{config.kind}` student is not an SRU of one map, as wide as the model"
        raise SynthError(message, "begin it from `random`")
    width = student.width
    ways = (slice(0, width // 2), slice(width // 2, None)) if config.bidirectional else (slice(0, width),)
    for is_reverse, columns in enumerate(ways):
        write_columns(student, layer, columns, bool(is_reverse))
    student.expand.weight[width:] = 0
    student.weight_c.zero_()
    student.bias[1] = logit(RESET)
    return student


def fits(student: SRU) -> bool:
    """Whether h is the output, from one map without a norm."""
    is_plain = isinstance(student.reduce, nn.Identity) and student.norm is None
    return is_plain and student.output is None and student.blocks == 3


def write_columns(student: SRU, layer: TeacherLayer, columns: slice, is_reverse: bool) -> None:
    """Fit the columns of one direction."""
    weight, best = fit_columns(layer, columns, is_reverse, skip_of(student))
    student.expand.weight[: student.width][columns] = weight.to(student.expand.weight)
    gates = torch.tensor([logit(f) for f in FORGET], dtype=student.bias.dtype)[best]
    student.bias[0][columns] = gates.to(student.bias.device)


def skip_of(student: SRU) -> float:
    """Return what x counts for in h."""
    return (1 - RESET) * student.skip_scale if student.config.skip else 0.0


def fit_columns(layer: TeacherLayer, columns: slice, is_reverse: bool, skip: float) -> tuple[Tensor, Tensor]:
    """Return W (columns, d_model) and the number in FORGET of every column.

    Both, and the strength of ridge where it is not said, are those that do best where they were not learnt.
    """
    learn, check = Sums(), Sums()
    for z, y in average_inputs(layer, columns, is_reverse, skip):
        at = y.shape[0] - y.shape[0] // CHECKED
        learn.add(z[:, :at], y[:at])
        check.add(z[:, at:], y[at:])
    learn, check = learn.on_processor(), check.on_processor()
    shares = STRENGTHS if layer.strength is None else (layer.strength,)
    errors = torch.stack([check.errors(learn.solve(share)) for share in shares])  # (…, forgets, columns)
    share = shares[int(errors.amin(1).sum(1).argmin())]
    best = errors[shares.index(share)].argmin(0)
    learn.add_sums(check)
    return learn.solve(share)[best, :, torch.arange(len(best))], best


class Sums:
    """Σzzᵀ (forgets, d_model, d_model) and Σzyᵀ (forgets, d_model, columns), nothing centred."""

    def __init__(self) -> None:
        self.zz = self.zy = torch.zeros((), dtype=torch.float64)

    def add(self, z: Tensor, y: Tensor) -> None:
        self.zz = self.zz + torch.einsum("fnd,fne->fde", z, z)
        self.zy = self.zy + torch.einsum("fnd,nc->fdc", z, y)

    def add_sums(self, other: "Sums") -> None:
        self.zz, self.zy = self.zz + other.zz, self.zy + other.zy

    def on_processor(self) -> "Sums":
        """Return the same, where equations are solved."""
        found = Sums()
        found.zz, found.zy = self.zz.cpu(), self.zy.cpu()
        return found

    def solve(self, share: float) -> Tensor:
        """Return Wᵀ (forgets, d_model, columns)."""
        eye = torch.eye(self.zz.shape[-1], dtype=self.zz.dtype)
        solid = torch.stack([one + penalty(one, share) * eye for one in self.zz])
        return torch.linalg.solve(solid, self.zy)

    def errors(self, weight: Tensor) -> Tensor:
        """Return Σ(y − W z)² but for Σy², (forgets, columns)."""
        return (weight * (self.zz @ weight)).sum(1) - 2 * (weight * self.zy).sum(1)


def average_inputs(
    layer: TeacherLayer, columns: slice, is_reverse: bool, skip: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield averages (forgets, rows, d_model) and what W has to make of them (rows, columns)."""
    for x, y, padding in passages(layer.cache, layer.source, layer.target, None, layer.device):
        real = x.new_ones(x.shape[:2], dtype=torch.bool) if padding is None else ~padding
        wanted = (y.double() - skip * x.double())[..., columns] / RESET
        yield average_over_time(x.double(), real, is_reverse)[:, real], wanted[real]


def average_over_time(x: Tensor, real: Tensor, is_reverse: bool) -> Tensor:
    """Return the averages of x (batch, length, d_model) for every f, over what is real."""
    f = torch.tensor(FORGET, dtype=x.dtype, device=x.device)[:, None, None]
    z = x.new_zeros(len(FORGET), len(x), x.shape[-1])
    steps = range(x.shape[1])
    found: list[Tensor] = [z] * x.shape[1]
    for t in reversed(steps) if is_reverse else steps:
        z = torch.where(real[:, t, None], f * z + (1 - f) * x[:, t], z)
        found[t] = z
    return torch.stack(found, 2)


def logit(share: float) -> float:
    return float(torch.tensor(share, dtype=torch.float64).logit())
