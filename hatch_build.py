"""Compile the native kernels while a wheel is made; `synthcli/kernels/builder.py` does the work.

A wheel with libraries is of this platform, but of no version of Python or torch; one without is of any.
"""

import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IN_WHEEL = "synthcli/kernels/built"


class KernelsHook(BuildHookInterface):
    """Builds into the checkout for an editable install, else into a folder that the wheel takes them from."""

    passing: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            target = Path(self.root, IN_WHEEL)
        else:
            target = self.passing = Path(tempfile.mkdtemp(prefix="synth-kernels-"))
        files = self.build(target)
        if any(file.suffix == ".so" for file in files):
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform_tag()}"
        if version != "editable":
            build_data["force_include"].update({str(file): f"{IN_WHEEL}/{file.name}" for file in files})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.clean()

    def clean(self) -> None:
        if self.passing:
            shutil.rmtree(self.passing, ignore_errors=True)

    def build(self, target: Path) -> list[Path]:
        """Build as the environment asks, say what happened, return the files that belong into the wheel."""
        sys.path.insert(0, self.root)
        from synthcli.errors import SynthError
        from synthcli.kernels import builder

        try:
            mode = builder.mode_of_environment()
            report = builder.build_kernels(target, mode, sources=Path(self.root, "kernels"))
        except SynthError as error:
            self.clean()
            sys.exit(f"error: {error}")
        for kind, part in report.parts.items():
            words = (part.status, part.version, " ".join(part.targets), part.reason)
            sys.stderr.write(f"native kernels: {kind}: {', '.join(filter(None, words))}\n")
        return [file for file in target.glob("*") if file.suffix in (".so", ".json")]


def platform_tag() -> str:
    """Return this platform as wheels name it."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
