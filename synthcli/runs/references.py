"""What a run points to: by its run's id and a hash first, by where it was second.

A tree of runs is copied, renamed, moved to another machine. What a run was made of is then looked for

1. under the id of its run, in the tree of the run that points to it, then in `SYNTH_RUNS`;
2. by its hash among all checkpoints of these trees, where its run has another name;
3. where it was, counted from the folder of runs;
4. where it was, from the root of the disk: that is said, for it may be another tree.

What is found under an id or at a place and has another hash is refused, never passed over.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError
from synthcli.progress import Say, say_nothing
from synthcli.runs.finding import find_checkpoint, list_runs
from synthcli.runs.run import PRESET, Run, runs_root
from synthcli.safe_read import read_table
from synthcli.training.manifest import MANIFEST, read_checkpoint_manifest

CHECKPOINTS, CONFIG, WEIGHTS = "checkpoints", "config.json", (".safetensors", ".bin")
SHOWN = 12  # digits of a hash
Hashed = Callable[[Path], str | None]


@dataclass(frozen=True)
class Reference:
    """A folder by its run, its step and the hash of its files; `path` is from the folder of runs, if near.

    `hash` is the model's, as it was kept before files were hashed.
    """

    path: str
    absolute: str
    run: str | None = None
    step: str | None = None
    sha256: str | None = None
    hash: str | None = None

    @classmethod
    def to(cls, path: Path, root: Path | None = None, model: str | None = None) -> "Reference":
        """Return the reference to a folder that is there; `root` is that of the runs which point to it."""
        whole = path.resolve()
        run, step = _names_in(whole)
        return cls(path_from(root or runs_root(), whole), str(whole), run, step, hash_of(whole), model)

    @classmethod
    def parse(cls, told: object) -> "Reference":
        """Return a reference from JSON, or from the path or the word that stood for it before."""
        if isinstance(told, Mapping):
            names = ("absolute", "run", "step", "sha256", "hash")
            values = {name: told[name] for name in names if isinstance(told.get(name), str)}
            path = str(told.get("path", ""))
            for name in ("run", "step"):
                if Path(values.get(name, "")).name != values.get(name, "") or values.get(name) == "..":
                    del values[name]  # no id, and no name of a checkpoint
            known = {"path": path, "absolute": path, **_parse_reference(path), **values}
            return cls(**known)
        return cls(path=str(told), absolute=str(told), **_parse_reference(str(told)))

    def to_json(self) -> dict[str, str]:
        """Return what is written of it; what is not known is left out."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def word(self) -> str:
        """How a preset and a command line name it, whatever the tree's place: `RUN-ID/step-…`, or a path."""
        return self.absolute if self.run is None else f"{self.run}/{self.step}"

    def find(
        self,
        home: Run | None,
        what: str,
        say: Say = say_nothing,
        hashed: Hashed | None = None,
        helps: str = "copy it there",
    ) -> Path:
        """Return the folder it stands for; `what` names it in messages, `home` points to it.

        `helps` is the hint where it is nowhere.
        """
        hashed = hashed or hash_of
        for root in roots_of(home):
            if (path := self._under_id(root, what, hashed)) is not None:
                return path
        for root in roots_of(home):
            if (path := self._by_hash(root, hashed)) is not None:
                return path
        for root in roots_of(home):
            path = root / self.path
            if not Path(self.path).is_absolute() and path.is_dir():
                return self._check_hash(path, what, hashed)
        path = Path(self.absolute)
        if path.is_absolute() and path.is_dir():
            found = self._check_hash(path, what, hashed)
            if self.run is not None:
                say(f"{what} is not in `{roots_of(home)[0]}`: `{path}`, where it was, is taken")
            return found
        raise self._lost(home, what, helps)

    def _under_id(self, root: Path, what: str, hashed: Hashed) -> Path | None:
        """Return the checkpoint of its run; one of the run with another hash is refused."""
        if self.run is None:
            return None
        runs = [run for run in root.glob("*/*") if run.name == self.run and (run / PRESET).is_file()]
        if not runs:
            return None
        folder = runs[0] / CHECKPOINTS
        named = folder / (self.step or "last")
        if named.is_dir():
            return self._check_hash(named, what, hashed)
        there = sorted(path for path in folder.glob("*") if (path / MANIFEST).is_file())
        for path in there:
            if self.sha256 is not None and hashed(path) == self.sha256:
                return path.resolve()
        have = ", ".join(f"`{path.name}`" for path in there) or "none"
        message = f"{what} is `{self.word}`, and run `{runs[0]}` has no such checkpoint any more, only {have}"
        raise SynthError(message, "restore it, or start a new run from one that is there")

    def _by_hash(self, root: Path, hashed: Hashed) -> Path | None:
        if self.run is None or self.sha256 is None:
            return None
        for run in list_runs(root):
            for path in sorted(run.checkpoints.glob("step-*")):
                if hashed(path) == self.sha256:
                    return path.resolve()
        return None

    def _check_hash(self, path: Path, what: str, hashed: Hashed) -> Path:
        found = hashed(path)
        if self.sha256 is not None and found is not None and found != self.sha256:
            raise _another(what, path, self.sha256, found)
        return path.resolve()

    def _lost(self, home: Run | None, what: str, helps: str) -> SynthError:
        where = f"in `{roots_of(home)[0]}` nor " if self.run is not None else ""
        neither = "neither " if where else "not "
        message = f"{what} is `{self.word}`, which is {neither}{where}at `{self.absolute}`"
        return SynthError(message, helps)

    def refuse_other(self, path: Path, model_hash: str, what: str) -> None:
        """Raise where a model that was found is another, by its files and by what it computes."""
        found = hash_of(path)
        if (self.sha256 or self.hash) is not None and not self.is_same(found, model_hash):
            if self.sha256 is not None and found is not None:
                raise _another(what, path, self.sha256, found)
            raise _another(what, path, self.hash or "", model_hash)

    def is_same(self, sha256: str | None, model_hash: str) -> bool:
        """Whether it stands for a model, by its files or by what it computes."""
        return (self.sha256 is not None and self.sha256 == sha256) or self.hash == model_hash


def _another(what: str, path: Path, expected: str, found: str) -> SynthError:
    return SynthError(
        f"{what} had the hash {expected[:SHOWN]}…, and `{path}` has {found[:SHOWN]}…: it is another",
        "restore that one, or start a new run without `--resume`",
    )


def path_from(root: Path, path: Path) -> str:
    """Return a path from a folder of runs where it lies in it, or beside it; any other as it is."""
    whole, root = path.resolve(), root.resolve()
    is_near = whole.is_relative_to(root.parent) and root.parent != Path("/")
    return os.path.relpath(whole, root) if is_near else str(whole)


def portable(result: Mapping[str, Any], run: Run) -> dict[str, object]:
    """Return a result of a run with the paths in it counted from the folder of runs: its tree may move."""
    root, options = run.path.resolve().parent.parent, dict(result["options"])
    for key in {"teacher", "reference"} & options.keys():
        options[key] = path_from(root, Path(options[key]))
    return {**result, "checkpoint": path_from(root, Path(result["checkpoint"])), "options": options}


def roots_of(home: Run | None) -> list[Path]:
    """Return the folders of runs to look in: the tree of a run first, then `SYNTH_RUNS`."""
    own = [] if home is None else [home.path.resolve().parent.parent]
    return list(dict.fromkeys([*own, runs_root().resolve()]))


def hash_of(path: Path) -> str | None:
    """Return one hash of configuration and weights of a checkpoint or a published model; None of others."""
    if (path / MANIFEST).is_file():
        files = {name: file.sha256 for name, file in read_checkpoint_manifest(path).files.items()}
    else:
        names = [CONFIG, *(file.name for file in path.glob("*") if file.suffix in WEIGHTS)]
        files = {name: _sha256(path / name) for name in names if (path / name).is_file()}
    own = {name for name in files if name == CONFIG or ("/" not in name and name.endswith(WEIGHTS))}
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(own))
    return hashlib.sha256(lines.encode()).hexdigest() if lines else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names_in(path: Path) -> tuple[str | None, str | None]:
    """Return the id of the run a checkpoint's folder belongs to, and its step."""
    if path.parent.name == CHECKPOINTS and (path.parent.parent / PRESET).is_file():
        return path.parent.parent.name, _step_of(path)
    return None, None


def _step_of(path: Path) -> str:
    """Return the name that a checkpoint has by its step; `last` of a copy is a folder of its own."""
    if path.name.startswith("step-"):
        return path.name
    step = read_table(path / MANIFEST, "delete it: the checkpoint is damaged").get("step")
    return f"step-{step:08d}" if isinstance(step, int) else path.name


def _parse_reference(word: str) -> dict[str, str]:
    """Read id and step out of a path that was kept alone, or out of a word."""
    parts = Path(word).parts
    if len(parts) >= 3 and parts[-2] == CHECKPOINTS:
        return {"run": parts[-3], "step": parts[-1]}
    if len(parts) == 2 and parts[1].startswith("step-"):
        return {"run": parts[0], "step": parts[1]}
    return {}


def reference_of_word(word: str) -> Reference:
    """Return what a word of a preset stands for now: a path, a run's id, or a preset's name."""
    path = Path(word)
    return Reference.to(path if path.is_dir() else find_checkpoint(word))
