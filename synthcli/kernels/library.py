"""Load the built kernels: whole, of this version, or not at all, with the reason."""

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from synthcli.kernels.abi import ABI, COMMON, CUDA_ERROR, EXPORTS, STATUS, Problem
from synthcli.kernels.driver import CURRENT, Driver

Kind = Literal["cpu", "cuda"]


class Unavailable(Exception):  # noqa: N818 - an answer more than an error
    """There is no kernel to use; says why."""


@dataclass(frozen=True, eq=False)
class Library:
    """A loaded library. `forward` and `backward` take a problem and where to run it: see `run`.

    That it is loaded does not say that a GPU can run it: `find_refusal` does.
    """

    kind: Kind
    path: Path
    target: str
    checkpoint_every: int
    forward: Callable[..., int]
    backward: Callable[..., int]
    explain: Callable[[int], str]
    driver: Driver | None = None  # of CUDA

    def refusal(self, device: int | None) -> str:
        """Return why it cannot run on a device, None being the current one; nothing where it can."""
        if self.driver is None:
            return ""
        return _ask(self, CURRENT) if device is None else _refusal(self, device)

    def target_on(self, device: int | None) -> str:
        """Return what is used on a device, None being the current one: `avx512`, `sm_90`."""
        return self.target if self.driver is None or device is None else self.driver.target(device).decode()

    def run(self, function: Callable[..., int], problem: Problem, *where: int | None) -> None:
        """Call a kernel: `where` is the number of threads, or a device's number and a stream.

        Raises RuntimeError with the reason where the library refuses.
        """
        status = function(ctypes.byref(problem), *where)
        if status:
            raise RuntimeError(f"the {self.kind} kernel of SRU refused the call: {self.explain(status)}")


def open_library(kind: Kind, path: Path) -> Library:
    """Load the file, or raise Unavailable: damaged, foreign, or of another version."""
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"`{path}` does not load: {error}") from error
    functions: dict[str, Any] = {}
    for name, (arguments, result) in {**COMMON, **EXPORTS[kind]}.items():
        try:
            function = getattr(loaded, name)
        except AttributeError as error:
            raise Unavailable(f"`{path}` is no library of synth's: it has no `{name}`") from error
        function.argtypes, function.restype = arguments, result
        functions[name] = function
        if name == "synth_sru_abi" and function() != ABI:
            raise Unavailable(f"`{path}` has interface {function()}, this version needs {ABI}")
    size = functions["synth_sru_problem_bytes"]()
    if size != ctypes.sizeof(Problem):
        raise Unavailable(f"`{path}` takes {size} bytes a call, this version gives {ctypes.sizeof(Problem)}")
    prefix = "synth_sru" if kind == "cpu" else "synth_sru_cuda"
    explain = explainer(functions.get("synth_sru_cuda_error"))
    return Library(
        kind,
        path,
        functions["synth_sru_target"]().decode(),
        functions["synth_sru_checkpoint_every"](),
        functions[f"{prefix}_forward"],
        functions[f"{prefix}_backward"],
        explain,
        driver_of(functions, explain) if kind == "cuda" else None,
    )


def driver_of(functions: dict[str, Any], explain: Callable[[int], str]) -> Driver:
    """Return what a library for CUDA answers about its driver."""
    usable, target, version = (
        functions[f"synth_sru_cuda_{name}"] for name in ("usable", "target", "version")
    )
    return Driver(usable, target, version, explain)


def explainer(cuda_error: Callable[[int], bytes] | None) -> Callable[[int], str]:
    """Return what puts a status into words."""

    def explain(status: int) -> str:
        if status >= CUDA_ERROR and cuda_error is not None:
            return f"CUDA says: {cuda_error(status).decode()}"
        return STATUS.get(status, f"status {status}")

    return explain


def load_library(kind: Kind, device: int | None = None) -> Library:
    """Return the library of the best folder that has one; raise Unavailable with every reason else.

    Of several for CUDA it is the first that can run on a device, None being the current one.
    """
    found = outcome(kind)
    if isinstance(found, str):
        raise Unavailable(found)
    if len(found) == 1:
        return found[0]
    return next((one for one in found if not one.refusal(device)), found[0])


@cache
def outcome(kind: Kind) -> tuple[Library, ...] | str:
    """Return the libraries, of processors the best alone, or why there is none; looked for once."""
    from synthcli.kernels.places import FILES, candidates, reason_for_absence

    found: list[Library] = []
    reasons: list[str] = []
    for path in (folder / FILES[kind] for folder in candidates()):
        if not path.exists() or (found and kind == "cpu"):
            continue
        try:
            check_whole(kind, path)
            found.append(open_library(kind, path))
        except Unavailable as error:
            reasons.append(str(error))
        except OSError as error:
            reasons.append(f"`{path}` cannot be read: {error.strerror}")
    return tuple(found) or "; ".join(reasons) or reason_for_absence(kind)


def find_refusal(kind: Kind, device: int | None = None) -> str:
    """Return why what is loaded cannot run on a device, None being the current one; nothing where it can."""
    return load_library(kind, device).refusal(device)


@cache
def _refusal(library: Library, device: int) -> str:
    return _ask(library, device)


def _ask(library: Library, device: int) -> str:
    from synthcli.kernels.report import read_report

    report = read_report(library.path.parent)
    return library.driver.refusal(device, report.cuda.targets if report else ()) if library.driver else ""


def check_whole(kind: Kind, path: Path) -> None:
    """Raise Unavailable unless the file is the one that was built: a cut one can end the process."""
    from synthcli.kernels.report import read_report

    report = read_report(path.parent)
    wanted = report.parts[kind].sha256 if report is not None else ""
    if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise Unavailable(f"`{path}` is damaged, or not the library that `built.json` beside it names")
