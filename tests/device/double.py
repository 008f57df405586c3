"""A stand-in for a CUDA device: its tensors say `cuda:0`, and compute on the processor.

It notes what a GPU would suffer from:

- `mixed`: an operation on a tensor of the device that is given a tensor of the host with an axis;
- `waits`: the host stops until the device has done all it was given: a number is read, something is copied to
  the host, or from memory that is not pinned, or the size of a result is known to the device alone;
- `launches`: operations that compute there; a view, an empty tensor and a copy to or from it do not.

Of torch's own, `FakeTensorMode` has no values, so that there is no loss to read; the Python backend of
`privateuseone` has, but is no `cuda` to whoever asks, and has none of CUDA's autocast lists; and a wrapper
subclass that is of CUDA for C++ too cannot go backward in a build for processors. So two of torch's modes
mark storages: what is computed from a marked one is marked, and `Tensor.device` says so.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.device.attention import Attention
from tests.device.autocast import Autocast
from tests.device.claims import patches

CUDA, HOST = torch.device("cuda", 0), torch.device("cpu")
ATEN = torch.ops.aten
QUIET = (
    *(ATEN.empty.memory_format, ATEN.empty_like.default, ATEN.empty_strided.default),
    *(ATEN.new_empty.default, ATEN.new_empty_strided.default),
    *(ATEN._local_scalar_dense.default, ATEN._unsafe_view.default),
)
SIZED = ("nonzero", "masked_select", "_unique2", "unique_dim", "bincount", "_local_scalar_dense", "equal")
INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")
RUN_BACKWARD = torch.autograd._engine_run_backward
true_device = torch._C.TensorBase.device.__get__


class Device:
    """While it is entered there is a device; what it counts is what happens since the last `begin`."""

    def __init__(self) -> None:
        self.storages: dict[int, StorageWeakRef] = {}
        self.pinned: dict[int, StorageWeakRef] = {}
        self.calls, self.operations = Calls(self), Operations(self)
        self.autocast = Autocast(self.holds)
        self.begin()

    def begin(self) -> None:
        """Forget what was noted."""
        self.mixed: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self.launches: Counter[str] = Counter()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for patch in patches(self):
                stack.enter_context(patch)
            stack.enter_context(self.operations)
            stack.enter_context(self.calls)
            self._left = stack.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._left.close()

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor is on the device."""
        return alive(self.storages, tensor)

    def device_of(self, tensor: Tensor) -> torch.device:
        return CUDA if self.holds(tensor) else true_device(tensor)

    def take(self, found: Any) -> Any:
        """Mark tensors as the device's."""
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                mark(self.storages, leaf)
        return found

    def wait(self, what: str) -> None:
        self.waits[f"{place()}: {what}"] += 1

    def pin(self, tensor: Tensor, *_: object) -> Tensor:
        """Return a copy in memory that is called pinned."""
        copy = tensor.clone()
        mark(self.pinned, copy)
        return copy

    def is_pinned(self, tensor: Tensor, *_: object) -> bool:
        return alive(self.pinned, tensor)

    def note_copy(self, source: Tensor, non_blocking: bool) -> None:
        """Note a copy between host and device."""
        if self.holds(source):
            self.wait("copy to the host")
        elif source.numel() and not (non_blocking and self.is_pinned(source)):
            self.wait("copy of memory that is not pinned")


def storage_of(tensor: Tensor) -> torch.UntypedStorage | None:
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # a sparse tensor, or one of no memory
        return None


def mark(marks: dict[int, StorageWeakRef], tensor: Tensor) -> None:
    storage = storage_of(tensor)
    if storage is not None:
        marks[storage._cdata] = StorageWeakRef(storage)  # as long as it is held the address is nobody else's


def alive(marks: dict[int, StorageWeakRef], tensor: Tensor) -> bool:
    storage = storage_of(tensor)
    return storage is not None and storage._cdata in marks


def place() -> str:
    """Return the line of the package that is being carried out, or that went backward."""
    frame = sys._getframe(1)
    while frame is not None:
        _, found, name = frame.f_code.co_filename.rpartition("/synthcli/")
        if found:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "tests"


class Operations(TorchDispatchMode):
    """Sees every operation, those of autograd and of the optimizer too."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device, self.place, self.is_asked, self.is_silent = device, False, False, False

    @contextmanager
    def placed(self, on_device: bool, is_asked: bool) -> Iterator[None]:
        """Put what is made of no tensor on the device, or on the host; where that is asked for, all."""
        before = self.place, self.is_asked
        self.place, self.is_asked = on_device, is_asked
        try:
            yield
        finally:
            self.place, self.is_asked = before

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Note nothing and mark nothing."""
        before, self.is_silent = self.is_silent, True
        try:
            yield
        finally:
            self.is_silent = before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.is_silent:
            return func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        held = [tensor for tensor in tensors if self.device.holds(tensor)]
        if func is ATEN.copy_.default and len({*map(self.device.holds, args[:2])}) == 2:
            self.device.note_copy(args[1], bool(args[2] if len(args) > 2 else kwargs.get("non_blocking")))
            return func(*args, **kwargs)
        is_backward = torch._C._current_graph_task_id() != -1  # what a formula makes is where its gradient is
        is_here = bool(held) if tensors and not self.is_asked else self.place or is_backward
        if not is_here:
            return func(*args, **kwargs)
        self.note(func, tensors, held)
        return self.device.take(func(*args, **kwargs))

    def note(self, func: Any, tensors: list[Tensor], held: list[Tensor]) -> None:
        """Note an operation of the device."""
        name = func._schema.name.removeprefix("aten::")
        if any(tensor.dim() for tensor in tensors if not self.device.holds(tensor)):
            self.device.mixed[f"{place()}: {name}"] += 1
        if name in SIZED or (name in INDEXED and any(t.dtype == torch.bool for t in held[1:])):
            self.device.wait(name)
        if name == "repeat_interleave" and func._overloadname == "Tensor":
            self.device.wait(name)
        if not (func.is_view or func in QUIET):
            self.device.launches[name] += 1


class Calls(TorchFunctionMode):
    """Sees what Python calls: moves between devices, `device=`, and what autocast and CUDA do otherwise."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device = device
        self.special: dict[Any, Callable[..., Any]] = {
            Tensor.to: self.move,
            Tensor.cuda: lambda x, *_, **__: self.move(x, CUDA),
            Tensor.cpu: lambda x, *_, **__: self.move(x, HOST),
            Tensor.numpy: self.refuse_numpy(Tensor.numpy),
            Tensor.__array__: self.refuse_numpy(Tensor.__array__),
            Tensor.tolist: self.to_list,
            torch.dropout: self.dropout,
            torch.nn.functional.dropout: self.dropout,
            torch.nn.functional.scaled_dot_product_attention: self.attend,
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__name__", "") == "__get__":
            return func(*args, **kwargs)
        if func in self.special:
            return self.special[func](*args, **kwargs)
        return self.call(func, *args, **kwargs)

    def call(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what needs nothing but the right place, and autocast."""
        asked = kwargs.get("device")
        if asked is None:
            on_device = any(
                isinstance(t, Tensor) and self.device.holds(t) for t in tree_leaves((args, kwargs))
            )
        else:
            on_device = torch.device(asked).type == "cuda"
            kwargs["device"] = HOST if on_device else asked
        if on_device and torch.is_autocast_enabled("cuda"):
            args, kwargs = self.device.autocast.cast(func, args, kwargs)
        if func in (torch.tensor, torch.as_tensor) and on_device and asked is not None:
            found = func(*args, **kwargs)
            self.device.note_copy(found, False)
            return self.device.take(found)
        with self.device.operations.placed(on_device, asked is not None):
            return func(*args, **kwargs)

    def move(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Do as `Tensor.to`."""
        if args and isinstance(args[0], Tensor):
            args = (self.device.device_of(args[0]), args[0].dtype, *args[1:])
        copy = bool(kwargs.pop("copy", False))
        target, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)
        dtype = x.dtype if dtype is None else dtype
        is_here, goes_there = self.device.holds(x), target is not None and target.type == "cuda"
        if target is None or is_here == goes_there:
            return x.to(dtype=dtype, copy=copy, memory_format=memory_format or torch.preserve_format)
        self.device.note_copy(x, non_blocking)
        with self.device.operations.silent():
            moved = x.to(dtype=dtype, copy=True)
        return self.device.take(moved) if goes_there else moved

    def run_backward(self, *args: Any, **kwargs: Any) -> Any:
        """Go backward with what Python calls there watched too."""
        with self:
            return RUN_BACKWARD(*args, **kwargs)

    def refuse_numpy(self, func: Any) -> Callable[..., Any]:
        def convert(x: Tensor, *args: Any, **kwargs: Any) -> Any:
            if self.device.holds(x):
                raise TypeError("can't convert cuda:0 device type tensor to numpy")
            return func(x, *args, **kwargs)

        return convert

    def to_list(self, x: Tensor) -> Any:
        if self.device.holds(x):
            self.device.wait("tolist")
        return x.tolist()

    def dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """CUDA draws and drops in one kernel."""
        if not self.device.holds(x) or not training or p == 0:
            return torch.dropout(x, p, training)
        return torch.native_dropout(x, p, training)[0]

    def attend(self, query: Tensor, *rest: Any, **kwargs: Any) -> Tensor:
        """CUDA's fused attention is one kernel forward and one backward."""
        func = torch.nn.functional.scaled_dot_product_attention
        if not self.device.holds(query):
            return func(query, *rest, **kwargs)
        if torch.is_autocast_enabled("cuda"):
            (query, *rest), kwargs = self.device.autocast.cast(func, (query, *rest), kwargs)
        names = ("key", "value", "attn_mask", "dropout_p", "is_causal")
        given = dict(zip(names, rest, strict=False)) | kwargs
        key, value, mask = given.pop("key"), given.pop("value"), given.pop("attn_mask", None)
        return Attention.apply(self.device, query, key, value, mask, given)
