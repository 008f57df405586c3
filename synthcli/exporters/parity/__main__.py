"""`python -m parity MODULE FOLDER EXPECTED REPORT`: check a folder, and write what was found as JSON."""

import importlib
import json
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

from .reference import RecordedModel

PROJECT = "synthcli"


class Refusal(MetaPathFinder):
    """Lets nothing import the project, installed or not."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == PROJECT:
            raise ImportError(f"`{name}` was imported, and an exported folder must do without it")


def check_exported(module: str, folder: str, expected: str, report: str) -> None:
    sys.meta_path.insert(0, Refusal())
    check_folder = importlib.import_module(f".{module}", __package__).check_folder
    found = check_folder(Path(folder), RecordedModel.read(Path(expected)))
    Path(report).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    check_exported(*sys.argv[1:])
