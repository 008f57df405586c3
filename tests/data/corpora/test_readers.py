"""What no text should hold is refused with its place, in bounded memory."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from synthcli.data.corpora import find_corpus, reading
from synthcli.data.corpora.reading import json_document, lines
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError
from synthcli.presets import load_preset
from tests.data.small import BYTES, SOURCES, multi30k, write


def refused(path: Path) -> str:
    with pytest.raises(SynthError) as error:
        list(lines(path))
    assert error.value.exit_code == 2
    assert error.value.hint
    return error.value.message


def test_mixed_ends_of_lines_and_a_bom(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\n\r\nthr\ree\r\nfour".encode())
    assert list(lines(path)) == ["one", "two", "", "thr\ree", "four"]


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_lines_do_not_know_of_blocks(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", size)
    for text in ("", "\n", "a", "a\n", "ä\r\n\n\nline\rtwo\n\ufefflast", "\ufeff", "\ufeff\n漢字" * 9):
        path = tmp_path / "a.txt"
        path.write_bytes(text.encode())
        body = text.removeprefix("\ufeff")
        found = [line.removesuffix("\r") for line in body.removesuffix("\n").split("\n")]
        assert list(lines(path)) == (found if text else [])


@pytest.mark.parametrize("size", [5, 1000])
def test_places_do_not_know_of_blocks(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", size)
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n\nthree\nfo\0r\n")
    assert refused(path) == f"`{path}` has a NUL byte at line 5"
    path.write_bytes("\ufeffone\ntwo\nd\ufeffei\n".encode() + b"v\xe4ier\n")
    assert refused(path) == f"`{path}` is not UTF-8 at byte 19"
    path.write_bytes(b"one\n" * 3 + b"x" * 12 + b"\n")
    assert len(list(lines(path, longest=13))) == 4
    with pytest.raises(SynthError, match="in line 4"):
        list(lines(path, longest=12))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntw\0o\n")
    assert refused(path) == f"`{path}` has a NUL byte at line 2"
    path.write_text("one", encoding="utf-16")
    assert refused(path) == f"`{path}` is UTF-16, expected UTF-8"


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_a_line_of_a_hundred_megabytes(name: str, tmp_path: Path) -> None:
    path, line = tmp_path / name, b"one\n" + b"x" * 100_000_000
    path.write_bytes(gzip.compress(line, compresslevel=1) if path.suffix == ".gz" else line)
    del line
    tracemalloc.start()
    message = refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message == f"`{path}` has more than 32 MiB in line 2"
    assert peak < 90_000_000


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    for name in ("train.en", "val.de.gz"):
        (folder / name).unlink()
        (folder / name).mkdir()
    with pytest.raises(SynthError) as error:
        prepare_store("multi30k", BYTES, tmp_path / "stores", folder)
    assert error.value.message == f"`{folder}` lacks `train.en` of `multi30k`"
    assert refused(folder / "val.de.gz") == f"cannot read `{folder / 'val.de.gz'}`: Is a directory"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "a.txt", SOURCES)
    monkeypatch.setattr(Path, "open", forbidden)
    assert refused(path) == f"cannot read `{path}`: Permission denied"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[\n1,\n}", "line 3: expecting value"), ("[" * 99_999, "line 1: maximum recursion depth exceeded")],
)
def test_a_document_that_is_no_json(text: str, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [text])
    with pytest.raises(SynthError) as error:
        json_document(path)
    assert error.value.message.startswith(f"`{path}` is no json at {reason}")


def test_long_values_are_shown_short(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["text,mood", f"a,{'x' * 5_000}"])
    with pytest.raises(SynthError) as error:
        list(find_corpus("csv:text=text,label=mood,classes=a+b").open(path).read("train"))
    assert error.value.message == f"`{path}`, line 2, has the label `{'x' * 200}…`"


def test_a_preset_knows_the_classes_of_a_corpus_with_options() -> None:
    override = "data.corpus=csv:text=review,label=mood,classes=bad+so-so+good"
    experiment = load_preset("agnews-dense", "smoke", None, [override])
    assert experiment.model.num_classes == 3
    with pytest.raises(SynthError) as error:
        load_preset("agnews-dense", "smoke", None, ["data.corpus=csv:text=review,lable=mood"])
    assert "`csv` has no option `lable`" in error.value.message
