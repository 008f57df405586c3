"""`synth quality`: a table, JSON, a picture, and what is refused."""

import json
from pathlib import Path

from .conftest import Synth


def test_a_store_is_reported(synth: Synth, here: Path) -> None:
    assert synth("prepare-corpus", "copy").code == 0
    said = synth("quality", "copy.bytes-260")
    assert said.code == 0
    assert said.out.startswith("copy with bytes, 260 ids")
    assert "20,000" in said.out
    assert "next: `synth quality copy.bytes-260 --picture quality.png`" in said.err
    assert synth("quality", "stores/copy.bytes-260").out == said.out


def test_json_and_a_picture(synth: Synth, here: Path) -> None:
    synth("prepare-corpus", "copy")
    said = synth("quality", "copy.bytes-260", "--json", "--picture", "picture.svg")
    found = json.loads(said.out)
    assert found["splits"]["train"]["rows"] == 20_000
    assert [overlap["rows"] for overlap in found["overlaps"]] == [0, 0, 0]
    assert found["findings"] == []
    assert "wrote picture.svg" in said.err
    assert (here / "picture.svg").read_text().startswith("<?xml")


def test_the_classes_of_splits_are_shown(synth: Synth, here: Path) -> None:
    rows = "".join(f"row {number},{'no' if number < 60 else 'yes'}\n" for number in range(120))
    (here / "sorted.csv").write_text(f"text,label\n{rows}")
    for options, said in (
        (",split=kept", "note: all 6 rows of `test` are `yes`\n"),
        (
            "",
            "nothing unusual: no leak between splits, few duplicates, few unknown ids, classes alike in all",
        ),
    ):
        name = f"csv:label=label,classes=no+yes{options}"
        made = synth("prepare-corpus", name, "--source", "sorted.csv", "--tokenizer", "bytes", "--json")
        (store,) = json.loads(made.out)
        shown = synth("quality", store["path"])
        assert said in shown.err
        (cells,) = [line.split("  ") for line in shown.out.splitlines() if line.startswith("no ")]
        counts = ["60 (55.6 %)", "0 (0 %)", "0 (0 %)"] if options else ["54 (50 %)", "3 (50 %)", "3 (50 %)"]
        assert [cell.strip() for cell in cells if cell.strip()] == ["no", *counts]


def test_what_is_no_store_or_no_picture_is_refused(synth: Synth, here: Path) -> None:
    said = synth("quality", "nowhere")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: there is no store `nowhere`\nhint: `synth prepare-corpus NAME` makes one\n"
    said = synth("quality", "nowhere", "--picture", "a.txt")
    assert said.err == "error: `a.txt` names no format of pictures\nhint: end it in .png, .svg, .pdf\n"
    said = synth("quality", "nowhere", "--picture", "no/a.png")
    assert said.err == "error: no folder `no`\nhint: create it, or choose another\n"
    (here / "folder").mkdir()
    said = synth("quality", "folder")
    assert (said.code, said.out) == (2, "")
    assert "`folder` is no store: it has no `manifest.json`" in said.err
