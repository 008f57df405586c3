"""The command line that makes the model of a preset, to be copied as it stands."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def build_command(
    verb: str,
    preset: str,
    scale: str | None = None,
    config: Path | None = None,
    overrides: Sequence[str] = (),
) -> str:
    """Return `synth train PRESET …`, or `synth VERB --preset PRESET …` of a preset with `[compress]`.

    `config` and `overrides` are options of `train` alone.
    """
    words = ["synth", verb, *(["--preset"] if verb != "train" else []), preset]
    words += [] if scale is None else ["--scale", scale]
    if verb == "train":
        words += [] if config is None else ["--config", str(config)]
        words += [word for override in overrides for word in ("--set", override)]
    return shlex.join(words)
