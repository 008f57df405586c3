"""Presets: TOML in, an `Experiment` out. Nothing here imports torch until a preset is loaded."""

from synthcli.presets.compare import differences
from synthcli.presets.dumping import dump
from synthcli.presets.files import find_preset, library_folder, preset_names
from synthcli.presets.planning import Plan, plan_training
from synthcli.presets.resolve import load_preset

__all__ = [
    "Plan",
    "differences",
    "dump",
    "find_preset",
    "library_folder",
    "load_preset",
    "plan_training",
    "preset_names",
]
