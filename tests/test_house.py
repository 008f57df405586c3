"""What stands beside the code agrees with it."""

import re
from pathlib import Path

import synthcli

ROOT = Path(__file__).parents[1]


def test_the_version_stands_in_one_place_and_the_citation_repeats_it() -> None:
    found = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert found is not None and found[1] == synthcli.__version__
    assert f"## {synthcli.__version__}" in (ROOT / "CHANGELOG.md").read_text()
