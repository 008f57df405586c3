"""The same bits on a GPU: operations of one order of sums, for as long as a training lasts.

On a processor a training has them anyway, and nothing changes there. On CUDA torch takes a deterministic form
where it has one: of products (for which cuBLAS needs a workspace of a fixed size, `CUBLAS_WORKSPACE_CONFIG`),
of fused attention's backward (Flash and memory-efficient; cuDNN's is passed over), of gradients of look-ups.
What has none raises, but for sums along a sequence, of which `running.py` has a form of its own.
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from synthcli.errors import SynthError

WORKSPACE, FIXED = "CUBLAS_WORKSPACE_CONFIG", (":4096:8", ":16:8")  # as NVIDIA names them
FILLS = "fill_uninitialized_memory"  # a setting of torch.utils.deterministic, at the cost of a pass each
REFUSED = re.compile(r"(.+?) does not have a deterministic implementation")
INSTEAD = "leave `training.deterministic` out, or train on a processor: `--device cpu`"


def deterministic(is_asked: bool, device: torch.device) -> AbstractContextManager[None]:
    """Compute on a device so that the same steps have the same bits, if that is asked for."""
    return _in_one_order() if is_asked and device.type != "cpu" else nullcontext()


@contextmanager
def fix_workspace(is_asked: bool) -> Iterator[None]:
    """Have cuBLAS take a workspace of a fixed size: it reads the variable at its first product."""
    there = os.environ.get(WORKSPACE)
    if not is_asked or there in FIXED or not torch.cuda.is_available():
        yield
        return
    if there is not None:
        needed = " or ".join(f"`{value}`" for value in FIXED)
        message = f"`{WORKSPACE}` is `{there}`, and `training.deterministic` needs {needed}"
        raise SynthError(message, f"unset `{WORKSPACE}`")
    os.environ[WORKSPACE] = FIXED[0]
    try:
        yield
    finally:
        del os.environ[WORKSPACE]


@contextmanager
def _in_one_order() -> Iterator[None]:
    before = torch.get_deterministic_debug_mode()
    fills = getattr(torch.utils.deterministic, FILLS)
    torch.use_deterministic_algorithms(True)
    setattr(torch.utils.deterministic, FILLS, False)  # nothing here reads what was never written
    try:
        yield
    except RuntimeError as error:
        if (refused := describe_nondeterminism(error)) is None:
            raise
        raise refused from error
    finally:
        torch.set_deterministic_debug_mode(before)
        setattr(torch.utils.deterministic, FILLS, fills)


def describe_nondeterminism(error: RuntimeError) -> SynthError | None:
    """Return what to say of an operation that has no deterministic form; None of another error."""
    text = str(error)
    if found := REFUSED.search(text):
        asked = "`training.deterministic` asks for one"
        message = f"`{found[1]}` has no deterministic form on this device, and {asked}"
        return SynthError(message, INSTEAD)
    if WORKSPACE in text:
        message = f"cuBLAS was at work before `{WORKSPACE}` was set, and `training.deterministic` needs it"
        return SynthError(message, f"`export {WORKSPACE}={FIXED[0]}` before Python starts")
    return None
