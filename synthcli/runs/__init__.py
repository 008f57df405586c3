"""Runs: one directory for each training, and the only code that knows its files.

    <root>/<name>/<id>/  preset.toml  environment.json  journal.jsonl  timings.jsonl  results/  checkpoints/

Importing this imports no torch. Of a training over several processes only the main one writes.
"""

from synthcli.runs.creating import create_run
from synthcli.runs.differences import differences_in_training, refuse_differences
from synthcli.runs.experiments import comparable, read_experiment, start_run
from synthcli.runs.finding import (
    find_checkpoint,
    find_run,
    is_named,
    list_runs,
    newest_student,
    note_unfinished,
    run_of,
)
from synthcli.runs.references import Reference
from synthcli.runs.run import PRESET, Run, is_main_process, refuse_unwritable_runs, runs_root
from synthcli.runs.verbs import (
    MADE,
    RESULT,
    STUDENTS,
    find_run_verb,
    is_student,
    is_training,
    refuse_other_command,
)

__all__ = [
    "MADE",
    "PRESET",
    "RESULT",
    "STUDENTS",
    "Reference",
    "Run",
    "comparable",
    "create_run",
    "differences_in_training",
    "find_checkpoint",
    "find_run",
    "find_run_verb",
    "is_main_process",
    "is_named",
    "is_student",
    "is_training",
    "list_runs",
    "newest_student",
    "note_unfinished",
    "read_experiment",
    "refuse_differences",
    "refuse_other_command",
    "refuse_unwritable_runs",
    "run_of",
    "runs_root",
    "start_run",
]
