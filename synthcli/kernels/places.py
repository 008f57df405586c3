"""Where the kernels' sources and libraries are; which folders hold libraries made from these sources."""

import hashlib
import os
import re
import shlex
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from synthcli.kernels.report import FILE, BuildReport, read_report

FILES = {"cpu": "libsynth_sru_cpu.so", "cuda": "libsynth_sru_cuda.so"}
INTERFACE = "sru_abi.h"
SUFFIXES = (".h", ".cpp", ".cu")
PACKAGE = Path(__file__).parent
SYSTEM = 0  # root, who may write anywhere
BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def sources() -> Path:
    """Return the folder of the sources: the copy in a wheel, else the checkout's `kernels/`."""
    return PACKAGE.parents[1] / "kernels" if is_checkout() else PACKAGE / "source"


def is_checkout() -> bool:
    """Tell whether this package runs from a checkout, as an editable install does."""
    return not (PACKAGE / "source").is_dir()


def hash_sources(folder: Path) -> str:
    """Return the sha256 of a folder's kernel sources, names and contents."""
    total = hashlib.sha256()
    for file in sorted(file for file in folder.glob("*") if file.suffix in SUFFIXES):
        total.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def interface_version(folder: Path) -> int:
    """Return the version of the C interface that sources declare; 0 where they declare none."""
    header = folder / INTERFACE
    found = re.search(r"#define\s+SYNTH_SRU_ABI\s+(\d+)", header.read_text()) if header.is_file() else None
    return int(found[1]) if found else 0


def package_folder() -> Path:
    """Return the folder of the libraries that were built at install."""
    return PACKAGE / "built"


def user_folder() -> Path:
    """Return the folder of a user's own build: `SYNTH_KERNELS_DIR`, or one in the user's cache."""
    chosen = os.environ.get("SYNTH_KERNELS_DIR")
    if chosen:
        return Path(chosen)
    caches = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or caches) / "synth" / "kernels"


def distrust(folder: Path, *files: str) -> str:
    """Return why code in a folder of the user's may be somebody else's; nothing where it is not.

    A library runs as the one who loads it: folder and files must be theirs, or the system's (root's), and
    nobody else may write there. What was built at install is as safe as the package beside it.
    """
    if folder == package_folder() or not hasattr(os, "geteuid"):
        return ""
    for path in (folder, *(folder / file for file in files)):
        try:
            found = path.stat()
        except OSError as error:
            return f"`{path}`: {error.strerror}"
        if found.st_uid not in (os.geteuid(), SYSTEM):
            return (
                f"`{path}` belongs to another user (uid {found.st_uid}): `synth kernels build` makes your own"
            )
        if found.st_mode & BY_OTHERS:
            return f"`{path}` may be written by others: `chmod go-w {shlex.quote(str(path))}`, or build anew"
    return ""


def build_folder() -> Path:
    """Return where `synth kernels build` writes: beside the package in a checkout, else the user's folder."""
    is_chosen = bool(os.environ.get("SYNTH_KERNELS_DIR"))
    return package_folder() if is_checkout() and not is_chosen else user_folder()


@dataclass(frozen=True)
class LibraryPlace:
    """A folder that may hold libraries; `is_stale` where they were made from other sources."""

    folder: Path
    report: BuildReport | None
    is_stale: bool

    @property
    def distrust(self) -> str:
        """Why nothing is loaded from it; nothing where it is safe, or holds no library."""
        files = [FILE, *(file for file in FILES.values() if (self.folder / file).exists())]
        return distrust(self.folder, *files) if self.report and len(files) > 1 else ""


def places() -> list[LibraryPlace]:
    """Return the folders looked at, best first."""
    current = hash_sources(sources())
    folders = dict.fromkeys((user_folder(), package_folder()))
    reports = {folder: read_report(folder) for folder in folders}
    return [LibraryPlace(at, made, bool(made and made.sources != current)) for at, made in reports.items()]


def reason_for_absence(kind: str) -> str:
    """Tell why no folder has a library of a kind: what the first report says, or that there is none."""
    for place in places():
        if why := place.distrust:
            return why
        if place.is_stale:
            return f"the build in `{place.folder}` was made from other sources"
        if place.report:
            part = place.report.parts[kind]
            off = f"the build in `{place.folder}` was not asked for it"
            gone = f"`{place.folder / FILES[kind]}` is gone"
            return part.reason or {"off": off, "built": gone}[part.status]
    return "nothing was built"


def candidates() -> list[Path]:
    """Return the folders with a build of these sources that nobody else can have made, best first."""
    return [place.folder for place in places() if place.report and not place.is_stale and not place.distrust]
