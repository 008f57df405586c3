"""SRU's recurrence by the compiled kernels, as operators that autograd, `torch.compile` and autocast know.

The kernels take addresses (`kernels/sru_abi.h`): everything about shapes, types and memory is settled here.
Second derivatives are the reference's.
"""

from typing import Protocol, TypeVar

import torch
from torch import Tensor

from synthcli.kernels.abi import ABI, DTYPES, Problem
from synthcli.kernels.library import Kind, Library, load_library
from synthcli.model.autograd import FunctionContext
from synthcli.model.ops import reference
from synthcli.model.ops.constant import assume_constant_result

T = TypeVar("T", Tensor, Tensor | None)
Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@torch.library.custom_op("synth::sru", mutates_args=())
def sru(
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    bias: Tensor,
    padding: Tensor | None,
    starts: Tensor | None,
    mask: Tensor | None,
    skip_scale: float,
    bidirectional: bool,
    keeps_checkpoints: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return h, the last c, and c at every few steps, from which the gradient goes on."""
    u, skip = rows_of_columns(u), rows_of_columns(skip)
    h, last, checkpoints = outputs(u, library_of(u).checkpoint_every if keeps_checkpoints else 0)
    given = (initial, weight_c, bias, padding, starts, mask)
    with Call(u, skip, given, skip_scale, bidirectional) as call:
        call.add("h", h, "batch", "time")
        call.add("last", last)
        call.add("checkpoints", checkpoints if keeps_checkpoints else None)
        call.run("forward")
    return h, last, checkpoints


def outputs(u: Tensor, every: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the memory that the forward fills; `every` 0 stores no states."""
    batch, length, _, width = u.shape
    wide = torch.promote_types(u.dtype, torch.float32)
    chunks = -(-length // every) if every else 0
    return (
        u.new_empty(batch, length, width),
        u.new_empty(batch, width, dtype=wide),
        u.new_empty(chunks, batch, width, dtype=wide),
    )


@sru.register_fake
def _(u: Tensor, *rest: Tensor | float | None) -> tuple[Tensor, Tensor, Tensor]:
    keeps_checkpoints = rest[-1]
    return outputs(u, checkpoint_every(u) if keeps_checkpoints else 0)


@torch.library.custom_op("synth::sru_backward", mutates_args=())
def sru_backward(
    grad_h: Tensor,
    grad_last: Tensor,
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    bias: Tensor,
    padding: Tensor | None,
    starts: Tensor | None,
    mask: Tensor | None,
    checkpoints: Tensor,
    skip_scale: float,
    bidirectional: bool,
) -> Gradients:
    """Return the gradients by u, skip (empty where nothing is skipped), initial, weight_c and bias."""
    u, skip, grad_h = rows_of_columns(u), rows_of_columns(skip), rows_of_columns(grad_h)
    grad_u, grad_skip, grad_initial = gradients(u, skip)
    gates = u.new_empty(len(u), 4, u.shape[3], dtype=grad_initial.dtype)
    given = (initial, weight_c, bias, padding, starts, mask)
    with Call(u, skip, given, skip_scale, bidirectional) as call:
        call.add("checkpoints", checkpoints)
        call.add("grad_h", grad_h, "batch", "time")
        call.add("grad_last", grad_last.contiguous())
        call.add("grad_u", grad_u, "batch", "time", "part")
        call.add("grad_skip", grad_skip if skip is not None else None, "batch", "time")
        call.add("grad_initial", grad_initial)
        call.add("grad_gates", gates)
        call.run("backward")
    total = gates.sum(0)
    return grad_u, grad_skip, grad_initial, total[:2].clone(), total[2:].clone()


def gradients(u: Tensor, skip: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the memory for the gradients by u, skip and initial."""
    batch, length, parts, width = u.shape
    wide = torch.promote_types(u.dtype, torch.float32)
    grad_skip = u.new_empty(batch, length, width) if skip is not None else u.new_empty(0)
    return u.new_empty(batch, length, parts, width), grad_skip, u.new_empty(batch, width, dtype=wide)


@sru_backward.register_fake
def _(
    grad_h: Tensor,
    grad_last: Tensor,
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    *rest: Tensor | float | None,
) -> Gradients:
    return (*gradients(u, skip), torch.empty_like(weight_c), torch.empty_like(weight_c))


# ------------------------------------------------------------------ autograd


Given = tuple[
    Tensor, Tensor | None, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None
]  # u, skip, initial, weight_c, bias, padding, starts, mask


class _SRUContext(FunctionContext, Protocol):
    skip_scale: float
    bidirectional: bool


def _save(
    ctx: _SRUContext, inputs: tuple[*Given, float, bool, bool], output: tuple[Tensor, Tensor, Tensor]
) -> None:
    *tensors, ctx.skip_scale, ctx.bidirectional, _ = inputs
    ctx.set_materialize_grads(False)  # of checkpoints there is no gradient, of the last c seldom one
    ctx.save_for_backward(*tensors, output[2])


def _backward(
    ctx: _SRUContext, grad_h: Tensor | None, grad_last: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    u, _, initial = tensors[:3]
    grad_h = torch.zeros_like(u[:, :, 0]) if grad_h is None else grad_h
    grad_last = torch.zeros_like(initial) if grad_last is None else grad_last
    by_u, by_skip, *others = sru_backward(grad_h, grad_last, *tensors, ctx.skip_scale, ctx.bidirectional)
    return by_u, None if tensors[1] is None else by_skip, *others, *[None] * 6


def _save_twice(
    ctx: _SRUContext, inputs: tuple[Tensor, Tensor, *Given, Tensor, float, bool], output: Gradients
) -> None:
    *tensors, _, ctx.skip_scale, ctx.bidirectional = inputs
    ctx.save_for_backward(*tensors)


def _backward_twice(ctx: _SRUContext, *given: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference's gradients."""
    grad_h, grad_last, u, skip, *others, padding, starts, mask = ctx.saved_tensors
    with torch.enable_grad():
        leaves = [t if t is None else t.detach().requires_grad_() for t in (u, skip, *others)]
        by = [t.detach().requires_grad_() for t in (grad_h, grad_last)]
        first, passed, initial, weight_c, bias = leaves
        flags = (padding, starts, mask, ctx.skip_scale, ctx.bidirectional)
        results = reference.recurrence(first, passed, initial, weight_c, bias, *flags)
        inputs = [leaf for leaf in leaves if leaf is not None]
        firsts = torch.autograd.grad(results, inputs, by, create_graph=True)
    weights = [g for g, leaf in zip(given, leaves, strict=True) if leaf is not None]
    seconds = iter(torch.autograd.grad(firsts, [*by, *inputs], weights, allow_unused=True))
    return *(None if t is None else next(seconds) for t in (*by, *leaves)), *[None] * 6


sru.register_autograd(_backward, setup_context=_save)
sru_backward.register_autograd(_backward_twice, setup_context=_save_twice)


# ------------------------------------------------------------------ calls


def library_of(u: Tensor) -> Library:
    """Return the library for the device of a tensor."""
    kind: Kind = "cuda" if u.device.type == "cuda" else "cpu"
    return load_library(kind, u.device.index)


@assume_constant_result
def checkpoint_every(u: Tensor) -> int:
    return library_of(u).checkpoint_every


def rows_of_columns(tensor: T) -> T:
    """Return a tensor whose columns are neighbours in memory: itself, or a copy."""
    return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()


class Call:
    """A problem being filled in; keeps alive what it points to until it has run."""

    def __init__(
        self,
        u: Tensor,
        skip: Tensor | None,
        given: tuple[Tensor | None, ...],
        skip_scale: float,
        bidirectional: bool,
    ) -> None:
        batch, length, parts, width = u.shape
        self.u, self.kept = u, []  # type: tuple[Tensor, list[Tensor]]
        self.problem = Problem(
            abi=ABI, dtype=DTYPES[str(u.dtype).removeprefix("torch.")],
            batch=batch, length=length, width=width,
            bidirectional=bidirectional, parts=parts, skip_scale=skip_scale,
        )  # fmt: skip
        self.add("u", u, "batch", "time", "part")
        self.add("skip", skip, "batch", "time")
        names = ("initial", "weight_c", "bias", "padding", "starts", "mask")
        for name, tensor in zip(names, given, strict=True):
            self.add(name, None if tensor is None else tensor.contiguous())

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        self.kept.clear()

    def add(self, name: str, tensor: Tensor | None, *axes: str) -> None:
        """Set an address, and the strides of named axes."""
        if tensor is None:
            return
        self.kept.append(tensor)
        setattr(self.problem, name, tensor.data_ptr())
        for axis, stride in zip(axes, tensor.stride(), strict=False):
            setattr(self.problem, f"{name}_{axis}", stride)

    def run(self, name: str) -> None:
        """Call the library: on this many threads, or on the current stream of the tensors' device."""
        library = library_of(self.u)
        function = getattr(library, name)
        if library.kind == "cpu":
            library.run(function, self.problem, torch.get_num_threads())
        else:
            device = self.u.device
            library.run(function, self.problem, device.index, torch.cuda.current_stream(device).cuda_stream)
