"""A merged layer by two ridge solves: W_o towards the stream after attention, W_2 towards the layer's output.

Both targets are states before a norm on the stream. Features come from one or several layers, all read from
the stream before the first; where there are more than the merged layer is to have, greedy selection takes
those that explain the target together. The stream after attention is that of one of the layers, the matching
layer; where norms follow, the merged layer's output has the size that it has in that layer, which the norm
after it forgets. A token counts by what that norm leaves of its error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import read_on
from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.moments import Moments
from synthcli.compress.assemble import New
from synthcli.compress.distill.closed_forms.ridge import ridge
from synthcli.compress.merge.concatenate import feed_forward_maps, group_rows, neurons, take_rows
from synthcli.compress.merge.problem import MergedLayerSpec, MergeProblem
from synthcli.compress.merge.selection import select_groups
from synthcli.compress.merge.span import LayerTrace, SequentialBlock, as_sequential, trace_layer
from synthcli.model.context import Context

PIECE = 4096  # rows whose products are summed in float32; pieces are added in float64


@dataclass(frozen=True)
class TracedBatch:
    """A batch: the stream before the first layer, and the traces of the matching layer and of the last."""

    x: Tensor
    context: Context
    matching: LayerTrace
    last: LayerTrace

    def rows(self, values: Tensor) -> Tensor:
        """Return (rows, width) of real tokens."""
        padding = self.context.key_padding
        return values.flatten(0, 1) if padding is None else values[~padding]


def trace_batches(problem: MergeProblem, matching_layer: int) -> Iterator[TracedBatch]:
    """Run the teacher's layers over all activations."""
    for indices in problem.batches():
        x, padding = problem.read(problem.span.source, indices)
        context, traces = context_of(problem.span.stack, padding), []
        stream, teacher_cache = x, problem.teacher_cache
        if teacher_cache is not None:
            stream, _ = read_on(x.device, teacher_cache, problem.span.source, indices)
        for block in problem.sequential_blocks:
            traces.append(trace_layer(problem.wiring, block, stream, context))
            stream = traces[-1].output
        yield TracedBatch(x, context, traces[matching_layer], traces[-1])


@torch.no_grad()
def solve(problem: MergeProblem, wide: SequentialBlock, spec: MergedLayerSpec, matching_layer: int) -> New:
    """Return the merged layer out of a wide block; `matching_layer` counts from the first of the span."""
    block = as_sequential(problem.fresh(spec))
    load_norms(block, wide, problem, matching_layer)
    size = getattr(wide.mixer, "shape", None)
    d_head = 1 if size is None else size.d_head
    heads = getattr(spec.mixer, "heads", problem.config.d_model)
    moments = sum_merge_moments(problem, matching_layer, lambda batch: to_attend(problem, wide, block, batch))
    chosen = choose_rows(moments, d_head, heads, problem.strength)
    for path in maps_of(wide.mixer, "mixer"):
        take_rows(block, wide, path, chosen)
    _solve_output(block.mixer.output, part_of(moments, chosen), problem.strength)
    moments = sum_merge_moments(problem, matching_layer, lambda batch: to_feed(problem, wide, block, batch))
    chosen = choose_rows(moments, 1, spec.d_ff, problem.strength)
    for path in feed_forward_maps(wide):
        take_rows(block, wide, path, chosen)
    _solve_output(neurons(block).output, part_of(moments, chosen), problem.strength)
    return New(spec.mixer, spec.d_ff, block)


def maps_of(mixer: nn.Module, prefix: str) -> list[str]:
    """Return the linear maps of a mixer that read its input."""
    return [f"{prefix}.{name}" for name, part in mixer.named_modules() if isinstance(part, nn.Linear)]


Pair = tuple[Tensor, Tensor, Tensor | None]


def to_attend(
    problem: MergeProblem, wide: SequentialBlock, block: SequentialBlock, batch: TracedBatch
) -> Pair:
    """Return what enters W_o, (u − α x) / β, and the size of u where a norm follows."""
    context, _ = wide.mixer(problem.wiring.into_mixer(wide, batch.x), batch.context)
    return context, *rest(problem, block, "mixer", batch.matching.middle, batch.x)


def to_feed(problem: MergeProblem, wide: SequentialBlock, block: SequentialBlock, batch: TracedBatch) -> Pair:
    """Return what enters W_2, (z − α' a) / β', and the size of z where a norm follows."""
    mixed, _ = block.mixer(problem.wiring.into_mixer(block, batch.x), batch.context)
    middle = block.gains.add(batch.x, "mixer_skip", mixed, "mixer_residual")
    a = problem.wiring.after_mixer(block, middle)
    end = batch.last.end
    if problem.norms_follow:
        end = rescale(end, batch.matching.end)
    hidden = neurons(wide)(problem.wiring.into_feed_forward(wide, a))
    return hidden, *rest(problem, block, "feed_forward", end, a)


def rest(
    problem: MergeProblem, block: SequentialBlock, part: str, target: Tensor, stream: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Return what a branch has to add, and the size that the norm after it divides by."""
    skip, residual = (float(block.gains(f"{part}_{name}")) for name in ("skip", "residual"))
    size = target.std(-1, correction=0) if problem.norms_follow else None
    return (target - skip * stream) / residual, size


def rescale(target: Tensor, like: Tensor) -> Tensor:
    """Return a state with the mean and the size of another, by position: LayerNorm sees no change."""
    (mean, size), (other_mean, other_size) = (
        (state.mean(-1, keepdim=True), state.std(-1, keepdim=True, correction=0)) for state in (target, like)
    )
    return (target - mean) * (other_size / size) + other_mean


def sum_merge_moments(
    problem: MergeProblem, matching_layer: int, pairs: Callable[[TracedBatch], Pair]
) -> Moments:
    """Return the moments of features and targets over all activations, on the processor."""
    total: Moments | None = None
    for batch in trace_batches(problem, matching_layer):
        x, y, size = (None if part is None else batch.rows(part) for part in pairs(batch))
        assert x is not None and y is not None
        weights = x.new_ones(len(x)) if size is None else size.double().pow(-2).to(x.dtype)
        for start in range(0, len(x), PIECE):
            part = slice(start, start + PIECE)
            new = weigh(x[part], y[part], weights[part])
            total = new if total is None else total + new
    assert total is not None
    return total.on_processor()


def weigh(x: Tensor, y: Tensor, weights: Tensor) -> Moments:
    """Return the moments of rows that count by weights.

    Rows are centred before float32 multiplies them: contexts that hardly vary would drown in their mean.
    """
    count, share = float(weights.double().sum()), (weights / weights.sum())[:, None]
    mean_x, mean_y = ((part * share).sum(0) for part in (x, y))
    x, y = x - mean_x, y - mean_y
    wx, wy = x * weights[:, None], y * weights[:, None]
    parts = (wx.sum(0), wy.sum(0), wx.mT @ x, wx.mT @ y, wy.mT @ y)
    return shift(Moments(count, *(part.double() for part in parts)), mean_x.double(), mean_y.double())


def shift(centred: Moments, x: Tensor, y: Tensor) -> Moments:
    """Return the moments of rows to which x and y are added again."""
    n, sum_x, sum_y = centred.count, centred.sum_x, centred.sum_y
    return Moments(
        n,
        sum_x + n * x,
        sum_y + n * y,
        centred.xx + torch.outer(x, sum_x) + torch.outer(sum_x + n * x, x),
        centred.xy + torch.outer(x, sum_y) + torch.outer(sum_x + n * x, y),
        centred.yy + torch.outer(y, sum_y) + torch.outer(sum_y + n * y, y),
    )


def choose_rows(moments: Moments, size: int, count: int, strength: float) -> Tensor:
    """Return the rows of features to be kept: `count` groups of `size`."""
    groups = len(moments.sum_x) // size
    if count >= groups:
        return torch.arange(len(moments.sum_x))
    return group_rows(select_groups(moments.covariance, moments.cross, size, count, strength), size)


def part_of(moments: Moments, rows: Tensor) -> Moments:
    """Return the moments of some features."""
    return Moments(
        moments.count,
        moments.sum_x[rows],
        moments.sum_y,
        moments.xx[rows][:, rows],
        moments.xy[rows],
        moments.yy,
    )


def _solve_output(output: Tensor | nn.Module, moments: Moments, strength: float) -> None:
    """Solve for a map into the stream."""
    assert isinstance(output, nn.Linear)  # a block whose outputs are of another kind is refused
    weight, bias = ridge(moments, strength)
    output.weight.copy_(weight)
    if output.bias is not None:
        output.bias.copy_(bias)


def load_norms(
    block: SequentialBlock, wide: SequentialBlock, problem: MergeProblem, matching_layer: int
) -> None:
    """Give the merged layer the norms that its maps read, or the matching layer's where norms follow."""
    matching, last = problem.sequential_blocks[matching_layer], problem.sequential_blocks[-1]
    first_norm, second_norm = (matching, last) if problem.norms_follow else (wide, wide)
    block.mixer_norm.load_state_dict(first_norm.mixer_norm.state_dict())
    block.feed_forward_norm.load_state_dict(second_norm.feed_forward_norm.state_dict())
    block.gains.load_state_dict(matching.gains.state_dict())
