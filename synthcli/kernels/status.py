"""What there is of each native library: built or not, by whom, whether it loads and why not."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from synthcli.kernels import library, places
from synthcli.kernels.report import LibraryPart, entry_of_part, read_report


@dataclass(frozen=True)
class FoundLibrary:
    """A library: the folder and the build that speak of it, what it runs as, or why it does not."""

    kind: library.Kind
    folder: Path | None
    part: LibraryPart | None
    target: str
    why_not: str

    @property
    def loads(self) -> bool:
        return not self.why_not

    def as_data(self) -> dict[str, object]:
        """Return it for `--json`."""
        built = entry_of_part(self.kind, self.part or LibraryPart("absent", reason=self.why_not))
        folder = str(self.folder) if self.folder else None
        return built | {"folder": folder, "loads": self.loads, "target": self.target, "why_not": self.why_not}


def find_library(kind: library.Kind) -> FoundLibrary:
    """Look for a library and load it."""
    try:
        loaded = library.load_library(kind)
    except library.Unavailable as error:
        place = next((place for place in places.places() if place.report), None)
        is_current = place is not None and not place.is_stale
        part = place.report.parts[kind] if place and place.report and is_current else None
        return FoundLibrary(kind, place.folder if place else None, part, "", str(error))
    report = read_report(loaded.path.parent)
    return FoundLibrary(kind, loaded.path.parent, report.parts[kind] if report else None, loaded.target, "")


def find_all() -> dict[str, FoundLibrary]:
    """Look for every library."""
    return {kind: find_library(kind) for kind in get_args(library.Kind)}
