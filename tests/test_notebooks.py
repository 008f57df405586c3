"""`examples/`: notebooks whose cells run one after the other, of public names alone, and keep no output."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import synthcli

from .cli.docs_lines import LINK, ROOT, anchors_of

FOLDER = ROOT / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
OTHERS = {"torch", "matplotlib", "transformers"}  # what a cell may import beside synthcli


@dataclass(frozen=True)
class Notebook:
    """What a file of Jupyter's format 4.5 holds."""

    table: dict

    def sources(self, kind: str) -> list[str]:
        return ["".join(cell["source"]) for cell in self.table["cells"] if cell["cell_type"] == kind]


def read(name: str) -> Notebook:
    return Notebook(json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)


def run(name: str) -> dict[str, object]:
    """Run the cells of a notebook in one namespace, and return it."""
    names: dict[str, object] = {}
    for code in read(name).sources("code"):
        exec(code, names)
    return names


def test_there_are_three_and_pages_name_them() -> None:
    assert NAMES == ["any-mixer", "shrink-an-encoder", "two-variants"]
    for page in ("README.md", "docs/python.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert all(f"examples/{name}.ipynb)" in text for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_of_the_format_and_keeps_no_output(name: str) -> None:
    table = read(name).table
    assert (table["nbformat"], table["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in table["cells"]]
    assert len(ids) == len(set(ids)) > 3
    for cell in table["cells"]:
        own = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
        shared = {"cell_type", "id", "metadata", "source"}
        assert {key: cell[key] for key in cell.keys() - shared} == own


@pytest.mark.parametrize("name", NAMES)
def test_cells_import_public_names(name: str) -> None:
    imports = list(imports_of("\n".join(read(name).sources("code"))))
    ours = {word for module, word in imports if module == "synthcli"}
    assert ours and ours <= set(synthcli.__all__)
    assert {module.partition(".")[0] for module, _ in imports if module != "synthcli"} <= OTHERS


def imports_of(code: str) -> Iterator[tuple[str, str]]:
    """Return module and name of every import."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for one in node.names:
                yield (one.name, "") if isinstance(node, ast.Import) else (str(node.module), one.name)


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for path, anchor in LINK.findall("".join(read(name).sources("markdown"))):
        target = FOLDER / path
        assert target.is_file() and (not anchor or anchor in anchors_of(target)), path


@pytest.mark.slow
def test_any_mixer(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("any-mixer")
    printed = capsys.readouterr().out
    assert all(f"{mixer}: loss 8." in printed for mixer in names["mixers"])  # ln of 4,000 tokens is 8.3
    assert "SRUpp(" in printed
    assert all(p.grad is not None for p in names["model"].parameters())
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_two_variants(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("two-variants")
    printed = capsys.readouterr().out
    assert "wmt14-dense exact_match" in printed and "wmt14-random exact_match" in printed
    assert (here / "curves.png").read_bytes().startswith(b"\x89PNG")
    lines = {line.get_label(): list(line.get_xdata()) for line in names["axes"].lines}
    steps = [1, *range(5, 61, 5)]
    assert lines == {"wmt14-dense": steps, "wmt14-random": steps}


@pytest.mark.slow
def test_shrink_an_encoder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="the extra `hf` is not installed")
    from .exporters.own_code import modules_of_their_own

    with modules_of_their_own(here / "modules"):
        names = run("shrink-an-encoder")
    before, after = names["smaller"].parameters
    assert before > after == sum(p.numel() for p in names["model"].parameters())
    assert type(names["model"]).__module__.startswith("transformers_modules")
    assert (here / "smaller" / "PARITY.json").is_file()
    assert f"{after}\n" in capsys.readouterr().out
