"""The command that makes the model of a preset, and its words, to be copied as they stand."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from synthcli.compress.option_values import Method

VERBS: dict[Method, str] = {
    "distill-block": "distill-block",
    "merge-layers": "merge-layers",
    "heal": "heal",
    "probe": "probe",
    "pipeline": "distill-block",
}


def find_preset_verb(table: Mapping[str, object]) -> str:
    """Return the command that a preset is for, its table unchecked."""
    compress = table.get("compress")
    method = compress.get("method") if isinstance(compress, dict) else None
    return next((verb for key, verb in VERBS.items() if key == method), "train")


def build_command(
    verb: str,
    preset: str,
    scale: str | None = None,
    config: Path | None = None,
    overrides: Sequence[str] = (),
) -> str:
    """Return `synth train PRESET …`, or `synth VERB --preset PRESET …` of a preset with `[compress]`."""
    words = ["synth", verb, *(["--preset"] if verb != "train" else []), preset]
    words += [] if scale is None else ["--scale", scale]
    words += [] if config is None else ["--config", str(config)]
    words += [word for override in overrides for word in ("--set", override)]
    return shlex.join(words)
