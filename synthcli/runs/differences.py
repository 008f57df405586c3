"""With which other settings a run may be resumed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.presets.compare import flat, show_difference_value

# What a training may be resumed with another value of: none of it reaches the weights.
MAY_CHANGE = (
    "title",
    "claims.",
    "paper.",
    "evaluation.",
    "training.keep",
    "training.log_every",
    "training.evaluate_every",
    "training.save_every",
    "training.validation_",
)
SPLIT = ("data.batch.micro_size",)  # how a step is split: sums in another order, of the same terms

PLACES = ("data.source",)  # where a corpus lies: the hash of the store says what it holds


def differences_in_training(
    old: Mapping[str, object], new: Mapping[str, object], may_change: tuple[str, ...] = (*MAY_CHANGE, *SPLIT)
) -> list[str]:
    """Return a line for each setting that reaches the weights and differs; both are resolved presets."""
    before, after = flat(dict(old)), flat(dict(new))
    return [
        f"`{key}`: {show_difference_value(before.get(key))} → {show_difference_value(after.get(key))}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key) and not key.startswith(may_change)
    ]


def refuse_differences(run: Path, old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Raise where a run would be resumed with settings that reach the weights."""
    lines = differences_in_training(old, new)
    if lines:
        message = f"run `{run}` was started with another configuration: {', '.join(lines)}"
        raise SynthError(message, "leave out what differs, or start a new run without `--resume`")


def preset_hash(table: Mapping[str, object]) -> str:
    """Return one hash of all settings of a resolved preset that reach the weights."""
    free = (*MAY_CHANGE, *PLACES)
    kept = {key: value for key, value in flat(dict(table)).items() if not key.startswith(free)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
