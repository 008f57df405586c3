"""The place where the transformer-simplification papers still run."""

import sys

__version__ = "0.1.0"

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # `python -m synthcli` has Python look in the current folder first, where a `random.py` is no module of
    # ours. Where the package itself is there, it is looked for last.
    _here = sys.path.pop(0)
    if _here not in sys.path and __file__.startswith(_here):
        sys.path.append(_here)
