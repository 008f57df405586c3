"""Which model is compressed: the one named, else the newest encoder, else BERT from the hub's cache."""

from pathlib import Path

from synthcli.compress.teacher import Teacher, open_teacher
from synthcli.errors import SynthError
from synthcli.importers.hugging_face.options import CONFIG
from synthcli.jobs.compress.layer_matching import account_of
from synthcli.progress import Say, say_nothing
from synthcli.runs import Reference, Run, find_checkpoint, is_student, list_runs, run_of, runs_root
from synthcli.runs.experiments import HELPS, TEACHER

ENCODERS = ("masked-lm", "classification")
DEFAULT = "bert-base-uncased"
OWNERS = ("google-bert/", "")  # the hub knows the default by both names
GET = "`synth train bert-base-wikitext-2` makes one, or name a run or a folder of a model"


def find_teacher(word: str | None = None) -> Teacher:
    """Open a teacher by a run's id, a preset's name, a path, or the name of a model in the hub's cache."""
    if word is not None:
        return find_named(word)
    runs = [run for run in list_runs() if run.task in ENCODERS and not is_student(run)]
    if runs:  # a training that goes on has another last checkpoint every while
        return open_teacher(find_checkpoint(next((run for run in runs if run.is_finished), runs[0]).id))
    cached = in_hub_cache(DEFAULT)
    if cached is None:
        message = f"there is no encoder in `{runs_root()}`, and `{DEFAULT}` is not in the hub's cache"
        raise SynthError(message, GET)
    return open_teacher(cached)


def find_named(word: str) -> Teacher:
    """Open the teacher that a word names: a folder first."""
    path = Path(word)
    if (path / CONFIG).is_file():
        return open_teacher(path)
    cached = None if path.exists() else in_hub_cache(word)
    try:
        return open_teacher(cached or find_checkpoint(word))
    except SynthError as error:
        if path.exists() or cached is not None or not error.message.startswith("unknown checkpoint"):
            raise
        fetch = f"fetch it into the hub's cache, `hf download google-bert/{word}`, or name another"
        hint = fetch if word == DEFAULT else f"{error.hint}, or a folder"
        raise SynthError(f"unknown teacher `{word}`", hint) from error


def own_teacher(student: Path, say: Say = say_nothing) -> Teacher:
    """Open the teacher that a student was made of, by its run's own account; another one is refused."""
    told, run = account_of(student).get("teacher"), run_of(student)
    if not told:
        message = f"checkpoint `{student}` does not say whose student it is"
        raise SynthError(message, "name its teacher: `--teacher RUN`")
    what = f"the teacher of `{student}`"
    return open_reference(Reference.parse(told), run, what, say)


def open_reference(reference: Reference, run: Run | None, what: str, say: Say = say_nothing) -> Teacher:
    """Open the teacher a reference stands for."""
    teacher = open_teacher(reference.find(run, what, say, helps=HELPS[TEACHER]))
    reference.refuse_other(teacher.path, teacher.hash, what)
    return teacher


def in_hub_cache(name: str) -> Path | None:
    """Return the folder of a model in the hub's cache; nothing is fetched."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for owner in OWNERS:
        try:
            found = try_to_load_from_cache(owner + name, CONFIG)
        except HFValidationError:  # no name of a model
            continue
        if isinstance(found, str):
            return Path(found).parent
    return None
