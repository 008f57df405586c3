"""Runs: one directory for each training, and the only code that knows its files.

    <root>/<name>/<id>/  preset.toml  environment.json  journal.jsonl  timings.jsonl  results/  checkpoints/

Importing this imports no torch. Of a training over several processes only the main one writes.
"""

from synthcli.runs.differences import differences_in_training, refuse_differences
from synthcli.runs.finding import find_checkpoint, find_run, list_runs, run_of
from synthcli.runs.run import Run, create_run, is_main_process, refuse_unwritable_runs, runs_root

__all__ = [
    "Run",
    "create_run",
    "differences_in_training",
    "find_checkpoint",
    "find_run",
    "is_main_process",
    "list_runs",
    "refuse_differences",
    "refuse_unwritable_runs",
    "run_of",
    "runs_root",
]
