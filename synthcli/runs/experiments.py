"""The experiment of a run: written so that its tree may move, read so that nothing else is taken for it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from synthcli.errors import SynthError
from synthcli.presets import dump, load_preset
from synthcli.presets.compare import flat
from synthcli.presets.files import read_toml
from synthcli.presets.merge import tables
from synthcli.progress import Say, say_nothing
from synthcli.runs.creating import create_run
from synthcli.runs.differences import MAY_CHANGE, PLACES, SPLIT, differences_in_training, preset_hash
from synthcli.runs.finding import find_checkpoint
from synthcli.runs.references import Reference
from synthcli.runs.run import Run, runs_root
from synthcli.runs.verbs import find_run_verb

if TYPE_CHECKING:
    from synthcli.config import Config
    from synthcli.presets.schema import Experiment

Table = TypeVar("Table", bound="Config")

TEACHER, START, TOKENIZER, SOURCE = (
    "compress.teacher",
    "start.checkpoint",
    "data.tokenizer.files",
    "data.source",
)
KEYS = (TEACHER, START, TOKENIZER, SOURCE)
WHAT = {
    TEACHER: "the teacher of run `{}`",
    START: "the checkpoint that run `{}` starts from",
    TOKENIZER: "the tokenizer of run `{}`",
    SOURCE: "the corpus of run `{}`",
}
HELPS = {
    TEACHER: "copy it there, or say where it is: `--teacher FOLDER`",
    START: "copy it there, or start a new run from one that is there",
}


def start_run(
    experiment: "Experiment",
    verb: str,
    store: str | None,
    fill: Callable[[Run], object] | None = None,
) -> Run:
    """Make a run of a command; what it is made of is kept as references, the hash of its store too."""
    references = references_of(experiment)
    words = {key: one.word for key, one in references.items() if key != SOURCE}
    facts = {"store": store, "references": {key: one.to_json() for key, one in references.items()}}
    return create_run(
        experiment.name, dump(_replace_settings(experiment, words)), runs_root(), verb, fill, facts
    )


def references_of(experiment: "Experiment") -> dict[str, Reference]:
    """Return references to what an experiment names and is there."""
    found: dict[str, Reference] = {}
    for key in KEYS:
        value = value_at(experiment, key)
        if value is None:
            continue
        path = Path(value)
        if key in (TEACHER, START) and not path.is_dir():
            path = find_checkpoint(value)
        reference = Reference.to(path)
        if key == TOKENIZER:
            reference = _with_hash(reference, tokenizer_hash(experiment, path))
        found[key] = reference if key != SOURCE else _with_hash(reference, None)
    return found


def read_experiment(
    run: Run, *needed: str, overrides: Sequence[str] = (), say: Say = say_nothing
) -> "Experiment":
    """Return the experiment of a run, with the places where what it is made of is now.

    A preset that was edited is refused. Of the keys `needed` (teacher, start) what is not found is an error;
    tokenizer and source are left as they were where they are gone: the store of the run holds both.
    """
    refuse_edited(run, say)
    experiment = load_preset(str(run.preset), None, None, overrides)
    places = {}
    for key in (*needed, TOKENIZER, SOURCE):
        value = value_at(experiment, key)
        if value is not None and not any(word.startswith(f"{key}=") for word in overrides):
            place = _place(run, experiment, key, value, say, is_needed=key in needed)
            if place is not None:
                places[key] = place
    return _replace_settings(experiment, places)


def with_places(experiment: "Experiment", keys: Sequence[str] = (START, TOKENIZER)) -> "Experiment":
    """Return an experiment with the checkpoints its words stand for now: of a preset's name the newest."""
    places = {}
    for key in keys:
        value = value_at(experiment, key)
        if value is not None and (key == START or not Path(value).is_dir()):
            is_word = key == START or Reference.parse(value).run is not None
            places.update({key: str(find_checkpoint(value))} if is_word else {})
    return _replace_settings(experiment, places)


def reference_in(run: Run, key: str, value: str) -> Reference | None:
    """Return what a run noted of a reference, or what the word for it says; None of a preset's name."""
    noted, began = run.record.get("references"), run.record.get("preset")
    is_edited = key == SOURCE and isinstance(began, dict) and flat(began).get(key) != value
    if isinstance(noted, Mapping) and isinstance(noted.get(key), Mapping) and not is_edited:
        return Reference.parse(noted[key])
    reference = Reference.parse(value)
    is_name = reference.run is None and not Path(value).is_absolute() and key in (TEACHER, START)
    return None if is_name else reference


def _place(run: Run, experiment: "Experiment", key: str, value: str, say: Say, is_needed: bool) -> str | None:
    """Return where a reference is now; None where it may stay as it is written."""
    reference = reference_in(run, key, value)
    if reference is None:
        return str(find_checkpoint(value))
    what = WHAT[key].format(run.path)
    try:
        if key == SOURCE:
            return _source(run, reference, value)
        if key == TOKENIZER:
            return str(_tokenizer(run, experiment, reference, what, say))
        return str(reference.find(run, what, say, helps=HELPS[key]))
    except SynthError:
        if is_needed:
            raise
        return None


def _source(run: Run, reference: Reference, value: str) -> str | None:
    """Return a corpus's files in the run's own tree; the store's hash tells whether they are the same."""
    path = run.path.resolve().parent.parent / reference.path
    if Path(reference.path).is_absolute() or not path.exists():
        return None
    is_there = Path(value).exists() and path.samefile(value)
    return value if is_there else str(path.resolve())


def _tokenizer(run: Run, experiment: "Experiment", reference: Reference, what: str, say: Say) -> Path:
    """Return a folder with the tokenizer: the run's own checkpoint first, which always moves with it."""

    def hash_tokenizer(path: Path) -> str | None:
        return tokenizer_hash(experiment, path)

    own = run.last
    if own is not None and reference.sha256 in (None, hash_tokenizer(own)):
        return own.resolve()
    return reference.find(run, what, say, hash_tokenizer)


def tokenizer_hash(experiment: "Experiment", path: Path) -> str | None:
    """Return the hash of the tokenizer in a folder; None where there is none of the kind."""
    from synthcli.data.tokenizers import load_given

    try:
        return load_given(experiment.data.tokenizer.model_copy(update={"files": str(path)})).hash
    except SynthError:
        return None


def comparable(experiment: "Experiment") -> dict[str, object]:
    """Return an experiment's table with words in place of places, to be compared with another's."""
    words = {}
    for key in (TEACHER, START, TOKENIZER):
        value = value_at(experiment, key)
        if value is None:
            continue
        reference = Reference.parse(value)
        try:
            path = Path(value) if Path(value).is_dir() else find_checkpoint(value)
            words[key] = (reference if reference.run is not None else Reference.to(path)).word
        except SynthError:  # it has gone: the word has to do
            words[key] = reference.word
    return _replace_settings(experiment, words).model_dump(mode="json")


def refuse_edited(run: Run, say: Say = say_nothing) -> None:
    """Raise where a setting that reaches the weights was changed in `preset.toml`; say what else was."""
    now = read_toml(run.preset)
    then = run.record.get("preset")
    if isinstance(then, dict):
        lines = differences_in_training(then, now, (*MAY_CHANGE, *SPLIT, *PLACES))
        if lines:
            raise _refuse_edited(run, f"was edited after the run began: {', '.join(lines)}")
        others = differences_in_training(then, now, may_change=())
        if others:
            say(f"`{run.preset}` was edited after the run began: {', '.join(others)}")
        return
    from synthcli.training.checkpoints import read_preset_hash

    trained = None if run.last is None else read_preset_hash(run.last)
    if trained not in (None, preset_hash(now)):
        raise _refuse_edited(run, f"was edited after `{run.last}` was trained by it")


def _refuse_edited(run: Run, what: str) -> SynthError:
    verb = find_run_verb(run)
    words = ["synth", verb if verb != "finetune" else "train"]
    if verb == "heal":
        words.append(_student_of(run))
    words += ["--preset"] if words[1] != "train" else []
    again = shlex.join([*words, str(run.preset)])
    return SynthError(
        f"`{run.preset}` {what}", f"set it back, or start a new run with what it says now: `{again}`"
    )


def _student_of(run: Run) -> str:
    (start,) = tables(read_toml(run.preset), "start")
    return str(start.get("checkpoint", "STUDENT"))


def value_at(experiment: "Experiment", key: str) -> str | None:
    """Return the text at a dotted key; None where a table on the way is absent."""
    value: object = experiment
    for name in key.split("."):
        value = getattr(value, name, None)
    return value if isinstance(value, str) else None


def _replace_settings(experiment: "Experiment", values: Mapping[str, str]) -> "Experiment":
    """Return an experiment with other texts at dotted keys."""
    for key, value in values.items():
        experiment = _change(experiment, key.split("."), value)
    return experiment


def _change(table: Table, names: Sequence[str], value: str) -> Table:
    first, *rest = names
    return table.model_copy(update={first: _change(getattr(table, first), rest, value) if rest else value})


def _with_hash(reference: Reference, sha256: str | None) -> Reference:
    from dataclasses import replace

    return replace(reference, sha256=sha256)


__all__ = ["MAY_CHANGE", "comparable", "read_experiment", "references_of", "start_run", "with_places"]
