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
