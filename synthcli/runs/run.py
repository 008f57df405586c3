"""A run's directory: made, locked, written to."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from synthcli import atomic_files
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError
from synthcli.presets.files import read_toml
from synthcli.progress import Say, say_nothing
from synthcli.runs.differences import preset_hash
from synthcli.runs.environment import environment, now
from synthcli.safe_read import read_table
from synthcli.training.manifest import step_folders

if TYPE_CHECKING:
    from synthcli.data.tokenizers import Tokenizer
    from synthcli.training.metrics_log import Rhythm
    from synthcli.training.trainer import Callback, TrainingExamples

PRESET, ENVIRONMENT, FINISHED, LOCK = "preset.toml", "environment.json", "finished.json", ".lock"
LONGEST_NUMBER = 20  # digits of a process
ELSEWHERE = "set `SYNTH_RUNS` to another folder"

DELETE = "delete it, or restore it: it only says when and on what the run was trained"
DAMAGED = "the checkpoint is damaged: delete its folder, and the one before it counts"
ANEW = "delete it, then evaluate again"


def runs_root() -> Path:
    """Return where runs are kept: `SYNTH_RUNS`, or `runs` in the current directory."""
    return Path(os.environ.get("SYNTH_RUNS", "runs"))


def refuse_unwritable_runs(needs: int = 0) -> None:
    """Raise, before any work, where no run could be made, or none of so many bytes."""
    refuse_unwritable(runs_root() / "run", ELSEWHERE, needs, locks=True)


def is_main_process() -> bool:
    """Whether this process writes; launchers of several number them in `RANK`."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Run:
    """The directory of one training; `name` is that of its preset."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def name(self) -> str:
        return self.path.parent.name

    @property
    def preset(self) -> Path:
        return self.path / PRESET

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def timings(self) -> Path:
        return self.path / "timings.jsonl"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def is_finished(self) -> bool:
        return (self.path / FINISHED).exists()

    @property
    def last(self) -> Path | None:
        """The folder of its newest checkpoint."""
        steps = step_folders(self.checkpoints)
        return steps[-1] if steps else None

    @property
    def store_hash(self) -> str | None:
        """The hash of the store its training began with."""
        noted = self.record.get("store")
        began = next((one.get("store") for one in self.sessions), None)
        return began or (noted if isinstance(noted, str) else None)

    @property
    def record(self) -> dict[str, Any]:
        """What `environment.json` says: the command that made it, its preset as it began, its sessions."""
        path = self.path / ENVIRONMENT
        return read_table(path, DELETE) if path.exists() else {}

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """Its start and every resumption: when, on what, from which step."""
        sessions = self.record.get("sessions", [])
        if not isinstance(sessions, list) or not all(isinstance(session, dict) for session in sessions):
            raise SynthError(f"`{self.path / ENVIRONMENT}` lists no sessions", DELETE)
        return sessions

    @property
    def task(self) -> str | None:
        """The task of its model, once there is a checkpoint."""
        if self.last is None:
            return None
        task = read_table(self.last / "config.json", DAMAGED).get("task")
        return task if isinstance(task, str) else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Refuse a second writer; a killed one's lock ends with it."""
        if not is_main_process():
            yield
            return
        with ExitStack() as until_then:
            with self._explain_writes(LOCK):
                self._hold(until_then.enter_context(self._lock_file()))
                atomic_files.remove_unfinished(self.path)
            yield

    def _lock_file(self) -> TextIO:
        """Open the lock; what stands in its place is nobody's to write to."""
        path = self.path / LOCK
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise SynthError(f"`{path}` is no plain file, and locks nothing", "remove it yourself")
        return path.open("a+")

    def _hold(self, file: TextIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            message = f"run `{self.path}` is being written by process {file.read(LONGEST_NUMBER)}"
            raise SynthError(message, "wait until it ends, or stop it") from error
        with suppress(OSError):  # a full disk: the lock holds all the same, and what is removed makes room
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())

    def _explain_writes(self, name: str) -> AbstractContextManager[None]:
        return guard_write(f"`{self.path / name}`", self.path)

    def refuse_unwritable(self) -> None:
        """Raise, before any work, where a result could not be written."""
        refuse_unwritable(self.results / "result.json", "evaluate a copy of its checkpoint")

    def write_result(self, name: str, result: Mapping[str, object]) -> Path:
        """Write `results/<name>.json`, in place of an older one."""
        with self._explain_writes(f"results/{name}.json"):
            self.results.mkdir(exist_ok=True)
            return replace_json(self.result_path(name), result)

    def write_outputs(self, name: str, lines: str) -> Path:
        """Write `results/<name>.outputs.jsonl`, what a model wrote, in place of an older one."""
        return self._write_lines(self.results / f"{name}.outputs.jsonl", lines)

    def write_samples(self, name: str, lines: str) -> Path:
        """Write `results/<name>.samples.jsonl`, what a result is compared by, in place of an older one."""
        return self._write_lines(self.samples_path(name), lines)

    def samples_path(self, name: str) -> Path:
        return self.results / f"{name}.samples.jsonl"

    def _write_lines(self, path: Path, lines: str) -> Path:
        with self._explain_writes(f"results/{path.name}"):
            self.results.mkdir(exist_ok=True)
            if is_main_process():
                atomic_files.write_text(path, lines)
        return path

    def result_path(self, name: str) -> Path:
        return self.results / f"{name}.json"

    def read_results(self) -> dict[str, dict[str, Any]]:
        """Return every result by name; what a kill left half written is none."""
        paths = [path for path in sorted(self.results.glob("*.json")) if not path.name.startswith(".")]
        return {path.stem: read_table(path, ANEW) for path in paths}

    def note_session(self, **facts: object) -> None:
        """Add a start or a resumption to `environment.json`."""
        if not is_main_process():
            return
        sessions = [*self.sessions, {**environment(), **facts}]
        with self._explain_writes(ENVIRONMENT):
            record = {**self.record, "preset": self._began_with(), "sessions": sessions}
            replace_json(self.path / ENVIRONMENT, record)

    def finish(self, **facts: object) -> None:
        """Mark the training as complete."""
        with self._explain_writes(FINISHED):
            replace_json(self.path / FINISHED, {"time": now(), **facts})

    def callbacks(
        self,
        tokenizer: "Tokenizer",
        validation: "TrainingExamples | None",
        store_hash: str | None = None,
        verb: str = "train",
        say: Say = say_nothing,
        trackers: Sequence[str] = (),
    ) -> "list[Callback]":
        """Return what writes this run, in the order it must; without validation no checkpoint is the best.

        `verb` is the command that resumes it; `say` is told what is not as it was written.
        """
        from synthcli.runs.sessions import Sessions
        from synthcli.training.checkpoints import Checkpointing
        from synthcli.training.diagnostics import Diagnostics
        from synthcli.training.metrics_log import Journal
        from synthcli.training.validation import Validation

        validations = [] if validation is None else [Validation(validation)]
        then = f"`synth {verb} --resume {self.path}`: the checkpoints before it are whole"
        preset = preset_hash(self._began_with()) if is_main_process() else None
        checkpointing = Checkpointing(self.checkpoints, tokenizer, then, preset)
        journal = Journal(self.journal, self.timings, then, self._rhythms(), bool(validations), say)
        logs = [journal, Diagnostics(self.journal, then)]
        return [*logs, *validations, checkpointing, Sessions(self, store_hash, say, trackers)]

    def _began_with(self) -> dict[str, object]:
        """Return its preset as it was at the start; one that noted none has never said what it was."""
        preset = self.record.get("preset")
        return preset if isinstance(preset, dict) else read_toml(self.preset)

    def _rhythms(self) -> "list[Rhythm]":
        """How often its sessions wrote records, as far as they were noted."""
        from synthcli.training.metrics_log import Rhythm

        known = [one for one in self.sessions if isinstance(one.get("from_step"), int)]
        return [Rhythm(one["from_step"], one.get("log_every"), one.get("evaluate_every")) for one in known]


def replace_json(path: Path, table: Mapping[str, object]) -> Path:
    """Replace a file at once; processes other than the main one write nothing."""
    if is_main_process():
        atomic_files.write_text(path, json.dumps(table, indent=2, ensure_ascii=False) + "\n")
    return path
