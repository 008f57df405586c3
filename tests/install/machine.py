"""A machine to install on: a copy of the checkout, the tools of a case and no others, an environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
VARIABLES = ("CXX", "NVCC", "NVCC_CCBIN", "SYNTH_BUILD_KERNELS", "SYNTH_CUDA_ARCHITECTURES", "SYNTH_KERNELS")
PACKAGES = "site-packages"  # an environment may borrow itself
BROKEN = "#!/bin/sh\necho 'nvcc fatal: no such luck' >&2\nexit 1\n"


class CaseError(Exception):
    """A case did not give what it must."""


@dataclass(frozen=True)
class Case:
    """A way to install: which compilers there are, and what must come of it."""

    name: str
    cpu: str
    cuda: str
    tools: tuple[str, ...] = ()
    has_broken_nvcc: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    kind: str = "wheel"

    @property
    def statuses(self) -> dict[str, str]:
        return {"cpu": self.cpu, "cuda": self.cuda}


@dataclass(frozen=True)
class Place:
    """Where a case works: a copy of the checkout, the case's tools, its wheels and its environment."""

    case: Case
    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "a copy"

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    def environment(self) -> dict[str, str]:
        """Return the variables of a machine that has the case's tools and nothing else."""
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        own = {"PATH": str(self.folder / "tools"), "CUDA_HOME": str(self.folder / "no cuda")}
        cache = {"XDG_CACHE_HOME": str(self.folder / "cache"), "SYNTH_KERNELS_DIR": str(self.folder / "own")}
        return kept | own | cache | self.case.environment

    def run(self, *command: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment() | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def must_run(self, *command: str | Path, **variables: str) -> str:
        done = self.run(*command, **variables)
        if done.returncode:
            raise CaseError(
                f"`{' '.join(map(str, command[:6]))} …` failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout


def prepare(place: Place) -> None:
    """Copy the checkout without what git ignores, link the tools, make an environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place.source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place.source / name)
    tools = place.folder / "tools"
    tools.mkdir()
    for tool in place.case.tools:
        (tools / tool).symlink_to(Path(str(shutil.which(tool))).resolve())
    if place.case.has_broken_nvcc:
        (tools / "nvcc").write_text(BROKEN)
        (tools / "nvcc").chmod(0o755)
    venv.create(place.folder / "venv", with_pip=False)
    borrowed = dict.fromkeys([sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith(PACKAGES))])
    own = place.must_run(place.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(own) / "borrowed.pth").write_text("\n".join(borrowed) + "\n")


def pip(place: Place, *words: str | Path) -> str:
    return place.must_run(sys.executable, "-m", "pip", *words)
