"""What stands beside the code agrees with it."""

import ast
import re
from pathlib import Path

import pytest

import synthcli
from tests.measure import modules

ROOT = Path(__file__).parents[1]


def test_the_version_stands_in_one_place_and_the_citation_repeats_it() -> None:
    found = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert found is not None and found[1] == synthcli.__version__
    assert f"## {synthcli.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.slow
def test_generators_of_devices_are_kept_by_name() -> None:
    """Without `devices` torch reads the generators of all GPUs, and so makes a context on each of them."""
    calls = [
        ast.unparse(node)
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("fork_rng")
    ]
    assert calls and [call for call in calls if "devices=" not in call] == []
