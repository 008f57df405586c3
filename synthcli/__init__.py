"""The place where the transformer-simplification papers still run."""

import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "SynthError",
    "build",
    "distill",
    "evaluate",
    "export",
    "generate",
    "load",
    "load_preset",
    "merge",
    "score",
    "train",
]

if TYPE_CHECKING:
    from synthcli.api import (
        build,
        distill,
        evaluate,
        export,
        generate,
        load,
        load_preset,
        merge,
        score,
        train,
    )
    from synthcli.errors import SynthError


def __getattr__(name: str) -> object:
    """Return a function of the Python interface, loaded when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module `synthcli` has no attribute `{name}`")
    from synthcli import api

    return getattr(api, name)


if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # `python -m synthcli` has Python look in the current folder first, where a `random.py` is no module of
    # ours. Where the package itself is there, it is looked for last.
    _here = sys.path.pop(0)
    if _here not in sys.path and __file__.startswith(_here):
        sys.path.append(_here)
