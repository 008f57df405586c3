"""A user's own pairs, one a line in two files: `parallel:source=de,target=en` reads `*.de` beside `*.en`.

With names that have a dot, `parallel:source=a.txt,target=b.txt`, it reads these two files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import lacks_error
from synthcli.data.corpora.local_files.file_format import OPTIONS as FORM_OPTIONS
from synthcli.data.corpora.local_files.file_format import read_format
from synthcli.data.corpora.local_files.files import LICENCE, URL, lack_error, list_files, split_pattern
from synthcli.data.corpora.local_files.named_splits import split_own_folder
from synthcli.data.corpora.local_files.options import parse_name_options, unquote
from synthcli.data.corpora.local_files.split_rule import CUT, SplitRule, read_split_rule
from synthcli.data.corpora.local_files.split_rule import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import parallel
from synthcli.data.corpora.source import Folder, Row
from synthcli.data.corpora.splitting import CutFolder, Group
from synthcli.data.corpora.text_format import TextFormat
from synthcli.errors import SynthError

OPTIONS = {"source": "ENDING", "target": "ENDING"} | FORM_OPTIONS | SPLIT_OPTIONS
LAYOUT = (
    "two files of equally many lines, plain or .gz: `parallel:source=de,target=en` reads every `*.de` beside"
    " its `*.en` of a folder, or with `--source talks` the files `talks.de` and `talks.en`;"
    f" {CUT}"
)


@dataclass(frozen=True)
class Sides:
    """How the names of sources and of targets end; with a dot, whole names."""

    source: str
    target: str

    def pairs(self, root: Path, name: str) -> tuple[Path, list[Group]]:
        """Return the folder that names are relative to, and each source with its target."""
        base, stem = (root, "**/*") if root.is_dir() else (root.parent, self.stem(root))
        if split_pattern(root)[1]:
            base, stem = split_pattern(root)
            stem = self.stem(Path(stem))
        pattern = f"**/{self.source}" if "." in self.source else f"{stem}.{self.source}"
        sources = list_files(base, pattern)
        if not sources and root.is_dir():
            raise lacks_error(root, f"`*.{self.source}`", name, LAYOUT)
        if not sources:
            raise lack_error(root, LAYOUT)
        return base, [(path, self.beside(path, name)) for path in sources]

    def stem(self, path: Path) -> str:
        """Return a path without the ending of sources."""
        return path.name.removesuffix(".gz").removesuffix(f".{self.source}")

    def beside(self, path: Path, name: str) -> Path:
        """Return the target of a source, packed or not."""
        target = self.target if "." in self.target else f"{self.stem(path)}.{self.target}"
        for candidate in (path.with_name(target), path.with_name(f"{target}.gz")):
            if candidate.is_file():
                return candidate
        raise lacks_error(path.parent, f"`{target}`", name, LAYOUT)


def _read_parallel_files(files: tuple[Path, ...], form: TextFormat) -> Iterator[Row]:
    for path, beside in zip(files[::2], files[1::2], strict=True):
        for source, target in parallel(path, beside, form):
            yield {"source": source, "target": target}


def _open_parallel_files(
    root: Path, name: str, sides: Sides, form: TextFormat, rule: SplitRule
) -> Folder | CutFolder:
    base, pairs = sides.pairs(root, name)
    return split_own_folder(base, pairs, partial(_read_parallel_files, form=form), name, LAYOUT, rule)


def own_parallel(name: str) -> Corpus:
    """Return the corpus that a name such as `parallel:source=de,target=en` asks for."""
    options = parse_name_options(name, OPTIONS)
    source, target = (unquote(options.get(side, side)) for side in ("source", "target"))
    sides, form = Sides(source, target), read_format(name, options)
    if sides.source == sides.target:
        raise SynthError(f"`{name}` has one ending for both sides: `{sides.source}`", f"expected {LAYOUT}")
    return Corpus(
        name=name,
        kind="pairs",
        title="Your own parallel files",
        licence=LICENCE,
        url=URL,
        layout=LAYOUT,
        folder=partial(
            _open_parallel_files, name=name, sides=sides, form=form, rule=read_split_rule(name, options)
        ),
        finds_source=True,
    )
