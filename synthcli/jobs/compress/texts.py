"""The text a model is compressed on: that of its own training, or a corpus named, in the teacher's tokens."""

from dataclasses import dataclass
from pathlib import Path

from synthcli.compress.activations.calibration import KINDS, LAYOUTS, Calibration
from synthcli.compress.config import RecordingConfig, TextConfig
from synthcli.compress.teacher import Teacher
from synthcli.data.config import BatchConfig, DataConfig, TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.jobs.evaluate.source import is_own_source
from synthcli.jobs.stores import keep_tokenizer, store_for
from synthcli.presets.schema import Experiment
from synthcli.progress import Progress, no_progress
from synthcli.runs import read_experiment, run_of

HELD_OUT = 8  # a sequence to evaluate on for every so many to train on


@dataclass(frozen=True)
class Texts:
    """Text to train on, and other text to evaluate on; `data` says how to make them again."""

    data: DataConfig
    train: Calibration
    held_out: Calibration


def texts_for(teacher: Teacher, text: RecordingConfig, preparing: Progress = no_progress) -> Texts:
    """Return the texts; a store that does not exist yet is prepared."""
    data = data_of(teacher, text)
    refuse_other_kind(data.corpus)
    store = store_for(data, preparing, used_by(teacher, data))
    split = "validation" if "validation" in store.splits else "test"
    if split not in store.splits:
        have = ", ".join(f"`{name}`" for name in store.splits)
        raise SynthError(f"`{store.corpus}` has no text to evaluate on, only {have}", "name another corpus")
    held_out = None if text.limit is None else max(1, text.limit // HELD_OUT)
    return Texts(
        data,
        calibration(store, "train", teacher, data, text.max_length, text.limit),
        calibration(store, split, teacher, data, text.max_length, held_out),
    )


def refuse_other_kind(corpus: str) -> None:
    """Raise, before a store is prepared, for a corpus that is no text to compress on."""
    kind = find_corpus(corpus).kind
    if kind not in KINDS:
        hint = "name one of text, `--corpus wikitext-2 --source DIR`; `synth corpora` lists them"
        raise SynthError(f"`{corpus}` holds {kind}, and a teacher reads text", hint)


def calibration(
    store: Store, split: str, teacher: Teacher, data: DataConfig, max_length: int | None, limit: int | None
) -> Calibration:
    """Return a split as the teacher was shown it; streams and whole documents become windows."""
    layout = data.layout if data.layout in LAYOUTS else "packed"
    return Calibration(store, split, teacher, layout, max_length, limit)


def data_of(teacher: Teacher, text: TextConfig) -> DataConfig:
    """Return the data of a teacher's run, or of another corpus in the teacher's own tokens."""
    experiment = experiment_of(teacher)
    own = None if experiment is None else experiment.data
    source = None if text.source is None else Path(text.source)
    if own is not None and is_own_source(own, text.corpus, source):
        return own
    corpus = text.corpus or (None if own is None else own.corpus)
    if corpus is None:
        raise SynthError(
            f"teacher `{teacher.name}` belongs to no run that names its corpus",
            "name the text to compress on: `--corpus wikitext-2 --source DIR`",
        )
    table = {} if own is None else own.model_dump(include={"layout", "masking", "batch"})
    return DataConfig.model_validate(
        {"batch": BatchConfig(size=32)}
        | table
        | {
            "corpus": corpus,
            "source": None if source is None else str(source.resolve()),
            "tokenizer": tokenizer_of(teacher),
        }
    )


def used_by(teacher: Teacher, data: DataConfig) -> str | None:
    """Return the hash of the store a teacher was trained on, where these data are its own."""
    run, own = run_of(teacher.path), experiment_of(teacher)
    return run.store_hash if run is not None and own is not None and own.data == data else None


def tokenizer_of(teacher: Teacher) -> TokenizerConfig:
    """Return the teacher's own tokenizer as it is."""
    return keep_tokenizer(teacher.tokenizer, teacher.path.resolve())


def experiment_of(teacher: Teacher) -> Experiment | None:
    """Return the experiment a teacher was trained by; a foreign folder has none."""
    run = run_of(teacher.path)
    return None if run is None else read_experiment(run)
