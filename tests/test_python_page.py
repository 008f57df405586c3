"""`docs/python.md`: its examples run one after the other, and its table has every function there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import synthcli
from synthcli import SynthError

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[1] / "docs/python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.mark.parametrize("code", EXAMPLES, ids=["first", "mixer", "curves", "shrink"])
def test_an_example_runs(code: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(code, names)
    printed = capsys.readouterr().out
    if "student" in names:
        assert (here / "student" / "config.json").is_file() and "dense" in printed
    if "result" in names:
        assert "exact_match" in printed and list(names["result"].to_pandas()["name"]) == ["exact_match"]
    if "loss" in names:
        assert all(p.grad is not None for p in names["model"].parameters())
    if "curves" in names:
        assert "wmt14-random [1, 10, 20, 30]" in printed


def test_the_table_has_every_function() -> None:
    assert sorted(re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)) == synthcli.__all__[1:]


def test_what_is_wrong_is_said_as_the_command_says_it(here: Path) -> None:
    with pytest.raises(SynthError, match="did you mean `wmt14-dense`"):
        synthcli.train("wmt14-dens")
    with pytest.raises(SynthError, match=r"unknown option `bloks`\nhint: did you mean `blocks`"):
        synthcli.distill("runs/none", bloks=(1,))
    with pytest.raises(SynthError, match="there is no checkpoint in `runs`"):
        synthcli.load()
    with pytest.raises(AttributeError, match="has no attribute `trian`"):
        _ = synthcli.trian
