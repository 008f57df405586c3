"""Find a publisher's files in a folder by their names, plain or .gz."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from synthcli.errors import SynthError


def find_files(root: Path, pattern: str) -> list[Path]:
    """Return the files that match, once each: where a file stands both plain and packed, the plain one."""
    plain = [path for path in sorted(root.glob(pattern)) if path.is_file() and path.suffix != ".gz"]
    names = {str(path) for path in plain}
    gz = [path for path in sorted(root.glob(pattern + ".gz")) if str(path.with_suffix("")) not in names]
    return sorted(plain + gz)


def find_corpus_file(root: Path, patterns: Sequence[str]) -> Path | None:
    """Return the file of the first pattern that matches; two files for one pattern are refused."""
    for pattern in patterns:
        found = find_files(root, pattern)
        if len(found) > 1:
            names = ", ".join(f"`{path.name}`" for path in found)
            raise SynthError(
                f"`{root}` holds several files for `{pattern}`: {names}", "keep the one you mean"
            )
        if found:
            return found[0]
    return None


def find_corpus_files(
    root: Path, wanted: Mapping[str, Sequence[str]], corpus: str, layout: str
) -> dict[str, Path]:
    """Return a file for every key of `wanted`, whose value lists patterns; say which ones are missing."""
    found = {key: find_corpus_file(root, patterns) for key, patterns in wanted.items()}
    missing = [f"`{wanted[key][0]}`" for key, path in found.items() if path is None]
    if missing:
        raise lacks_error(root, missing, corpus, layout)
    return {key: path for key, path in found.items() if path is not None}


def lacks_error(root: Path, missing: str | list[str], corpus: str, layout: str) -> SynthError:
    """Say what a folder lacks and where it comes from."""
    if isinstance(missing, list):
        missing = " and ".join(part for part in (", ".join(missing[:-1]), missing[-1]) if part)
    return SynthError(f"`{root}` lacks {missing} of `{corpus}`", f"expected {layout}")
