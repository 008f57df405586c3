"""Which command a run belongs to, and with what it may be gone on with."""

import shlex

from synthcli.errors import SynthError
from synthcli.presets.files import read_toml
from synthcli.runs.run import Run

TRAINED = ("train", "finetune")  # what `synth train --resume` continues
MADE = ("distill-block", "merge-layers")  # what makes a student of a teacher
STUDENTS = (*MADE, "heal")
RESULT = "compress"  # of a student: how it was made


def find_run_verb(run: Run) -> str:
    """Return the command that made a run; one that does not say is told by what it holds."""
    said = run.record.get("verb")
    return said if isinstance(said, str) else _verb_by_files(run)


def is_training(run: Run) -> bool:
    """Whether `synth train --resume` continues a run."""
    return find_run_verb(run) in TRAINED


def is_student(run: Run) -> bool:
    """Whether a run holds what was made of another model."""
    return find_run_verb(run) not in TRAINED


def refuse_other_command(run: Run, asked: str) -> None:
    """Raise where a run is to be resumed by a command that does not continue it."""
    verb = find_run_verb(run)
    if verb == asked or (asked in TRAINED and verb in TRAINED):
        return
    message = (
        f"run `{run.path}` is one of `synth {verb}`, and `synth {asked} --resume` continues none of those"
    )
    raise SynthError(message, continuation(run))


def continuation(run: Run) -> str:
    """Return the command that goes on with a run."""
    verb = find_run_verb(run)
    path = str(run.path)
    if verb in (*TRAINED, "heal"):
        words = ["synth", "heal" if verb == "heal" else "train", "--resume", path, *tracker_words(run)]
        return f"`{shlex.join(words)}` continues it"
    if run.last is None:
        return f"it was killed before it had a model: remove `{path}`, and give `synth {verb}` anew"
    return f"it is complete: `{shlex.join(['synth', 'heal', path])}` trains it on towards its teacher"


def tracker_words(run: Run) -> list[str]:
    """Return the words of a command that tell the trackers again that the last session told."""
    sessions = run.sessions
    names = sessions[-1].get("trackers", []) if sessions else []
    return [word for name in names for word in ("--track", str(name))]


def _verb_by_files(run: Run) -> str:
    """Tell the command of a run that was made before runs said it.

    A training has a journal, a student `results/compress.json`; a preset alone that compresses is what a
    killed `distill-block` or `merge-layers` left, or a healing that did not begin.
    """
    table = _preset(run)
    compress, start = table.get("compress"), table.get("start")
    method = compress.get("method") if isinstance(compress, dict) else None
    if method == "heal" and start:
        return "heal"
    is_made = run.result_path(RESULT).is_file() or not run.journal.exists()
    if method is not None and is_made:
        from synthcli.presets.commands import VERBS

        return VERBS.get(method, "distill-block")
    return "finetune" if start else "train"


def _preset(run: Run) -> dict[str, object]:
    try:
        return read_toml(run.preset)
    except SynthError:
        return {}
