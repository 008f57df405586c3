"""A folder of parallel files, one sentence a line: what the translation corpora share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from synthcli.data.corpora.find_files import find_corpus_file, lacks_error
from synthcli.data.corpora.reading import parallel
from synthcli.data.corpora.source import Folder, Row, SplitFiles


def _as_is(text: str) -> str:
    return text


def parallel_folder(
    root: Path,
    corpus: str,
    layout: str,
    stems: Mapping[str, Sequence[str]],
    languages: tuple[str, str],
    clean: Callable[[str], str] = _as_is,
) -> Folder:
    """Find `<stem>.<language>` for both languages of every split; `stems` are patterns, best first."""

    def rows(files: tuple[Path, ...]) -> Iterator[Row]:
        for source, target in parallel(files[0], files[1]):
            yield {"source": clean(source), "target": clean(target)}

    pairs = {split: _find_pair(root, patterns, languages) for split, patterns in stems.items()}
    missing = [f"`{name}`" for pair in pairs.values() for name in pair if isinstance(name, str)]
    if missing:
        raise lacks_error(root, missing, corpus, layout)
    files = {split: tuple(path for path in pair if isinstance(path, Path)) for split, pair in pairs.items()}
    return Folder(root, {split: SplitFiles(pair, rows) for split, pair in files.items()})


def _find_pair(root: Path, patterns: Sequence[str], languages: tuple[str, str]) -> list[Path | str]:
    """Return both files of the first pattern that has any; a missing one as the name it should have."""
    for pattern in patterns:
        pair = [find_corpus_file(root, [f"{pattern}.{language}"]) for language in languages]
        if any(pair):
            return [path or f"{pattern}.{language}" for path, language in zip(pair, languages, strict=True)]
    return [f"{patterns[0]}.{language}" for language in languages]
