"""Files that are not what they seem are refused before they are read, and every reader asks one module."""

import ast
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import synthcli
from synthcli import safe_read
from synthcli.data.corpora.reading import lines
from synthcli.data.tokenizers import load_tokenizer
from synthcli.errors import SynthError
from synthcli.importers.safe_load import load_tensors
from synthcli.presets.files import read_toml
from synthcli.presets.overrides import parse_value

DEEP = 100_000
PIPE_HINT = "name a plain file; write to one what a pipe gives"


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(SynthError) as caught:
        call()
    return caught.value.message, caught.value.hint


READERS: dict[str, Callable[[Path], object]] = {
    "bytes": safe_read.read_bytes,
    "text": safe_read.read_text,
    "json": safe_read.read_json,
    "table": lambda path: safe_read.read_table(path, "hint"),
    "toml": read_toml,
    "lines": lambda path: list(lines(path)),
    "weights": load_tensors,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_not_waited_for(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    os.mkfifo(path)
    assert refusal(lambda: READERS[reader](path)) == (f"`{path}` is a pipe, not a file", PIPE_HINT)
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    assert refusal(lambda: READERS[reader](link)) == (f"`{link}` is a pipe, not a file", PIPE_HINT)


@pytest.mark.parametrize("reader", READERS)
def test_a_device_is_not_read(reader: str) -> None:
    path = Path("/dev/zero")
    assert refusal(lambda: READERS[reader](path)) == ("`/dev/zero` is a device, not a file", PIPE_HINT)


def test_a_sparse_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.touch()
    os.truncate(path, 2**40)
    for read in (safe_read.read_json, lambda path: safe_read.check_files(path.parent, (".json",))):
        message, _ = refusal(lambda read=read: read(path))
        assert message == f"`{path}` has 1,099,511,627,776 bytes, expected at most 268,435,456"


@pytest.mark.parametrize("text", ["[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP])
def test_json_nested_without_end(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    message = f"`{path}` is no JSON: it is nested deeper than 100 levels"
    assert refusal(lambda: safe_read.read_table(path, "again")) == (message, "again")


def test_depth_is_counted() -> None:
    assert safe_read.parse_json("[" * 100 + "]" * 100) is not None
    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        safe_read.parse_json("[" * 101 + "]" * 101)
    assert len(safe_read.parse_json(json.dumps([[1]] * 1_000))) == 1_000  # many, not deep


@pytest.mark.parametrize(
    "text", ["a = " + "[" * DEEP, "a = " + "[" * 300 + "]" * 300, ".".join("a" * 300) + " = 1"]
)
def test_toml_nested_without_end(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    message, _ = refusal(lambda: read_toml(path))
    assert message == f"`{path}` is not TOML: it is nested deeper than 100 levels"


def test_numbers_of_thousands_of_digits(tmp_path: Path) -> None:
    toml, table = tmp_path / "x.toml", tmp_path / "x.json"
    toml.write_text("a = " + "9" * 5_000)
    table.write_text('{"a": ' + "9" * 5_000 + "}")
    assert refusal(lambda: read_toml(toml))[0].startswith(f"`{toml}` is not TOML: exceeds the limit")
    assert refusal(lambda: safe_read.read_table(table, ""))[0].startswith(
        f"`{table}` is no JSON: Exceeds the limit"
    )
    assert parse_value("9" * 5_000) == "9" * 5_000  # a text, which no key that wants a number accepts


def test_half_a_character(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": "\\uD800"}')
    message = f"`{path}` is no JSON: it holds half of a surrogate pair, which is no character"
    assert refusal(lambda: safe_read.read_table(path, "x")) == (message, "x")
    path.write_text('{"a": "\\ud834\\udd1e"}')
    assert safe_read.read_table(path, "x") == {"a": "𝄞"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "`{}` is no JSON: expecting property name enclosed in double quotes at line 1"),
        (b"[1]", "`{}` holds no table"),
        (b"\xff", "`{}` is no JSON: not UTF-8 at byte 0"),
    ],
)
def test_a_damaged_table(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    assert refusal(lambda: safe_read.read_table(path, "again")) == (message.format(path), "again")


def test_links_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "vocab.txt").symlink_to("../secret.txt")
    message, hint = refusal(lambda: load_tokenizer(folder))
    assert message == f"`{folder / 'vocab.txt'}` is a link to `{tmp_path / 'secret.txt'}`, outside its folder"
    assert hint == "copy the file itself into the folder"


def test_a_bomb_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10**7))
    message, _ = refusal(lambda: load_tensors(path))
    assert message == f"`{path}` has {path.stat().st_size:,} bytes, and its members claim 10,000,000"


OWN = (  # what this process or its child has just written itself, and what it is made of
    "exporters/safetensors_export.py",
    "exporters/parity_report.py",
    "exporters/programs/readme.py",
    "exporters/parity/",
    "exporters/hugging_face/modeling.py",
    "exporters/hugging_face/remote_code.py",
    "exporters/hugging_face/definitions.py",
    "kernels/",
    "presets/sizes.py",
    "data/corpora/reading.py",  # its own limits, for lines of gigabytes
    "data/prepare/on_ray.py",
    "data/prepare/manifest_entry.py",
    "data/fetch/download.py",
    "safe_read.py",
)


@pytest.mark.slow
def test_every_reader_asks_this_module() -> None:
    """`json.load(s)` of a file and `tomllib` stand where a file was written by ourselves alone."""
    root, found = Path(synthcli.__file__).parent, []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.startswith(OWN):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and is_bare(ast.unparse(node)):
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def is_bare(call: str) -> bool:
    return call.startswith(("tomllib.load", "json.load(")) or (
        call.startswith("json.loads(") and "read" in call
    )


SHAPE: safe_read.Shape = {
    "name": str,
    "sizes": [int],
    "parts": {"*": {"rows": int, "share?": float}},
    "end": (None, [float]),
    "is_whole": bool,
}
WHOLE = {"name": "x", "sizes": [1], "parts": {"a": {"rows": 1}}, "end": None, "is_whole": True}


def test_a_table_of_its_shape() -> None:
    safe_read.check_shape(WHOLE | {"more": 1}, SHAPE)
    safe_read.check_shape(WHOLE | {"end": [1, 2.5], "parts": {}}, SHAPE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "`name` is 3"),
        ({"sizes": [1, True]}, "`sizes.1` is true"),
        ({"sizes": "12"}, "`sizes` is no list"),
        ({"parts": []}, "`parts` is no table"),
        ({"parts": {"a": {}}}, "it lacks `parts.a.rows`"),
        ({"parts": {"a": {"rows": 1, "share": "x"}}}, '`parts.a.share` is "x"'),
        ({"end": 3}, "`end` is 3"),
        ({"end": [None]}, "`end` is [null]"),
        ({"is_whole": 1}, "`is_whole` is 1"),
        ({"name": None}, "`name` is null"),
    ],
)
def test_the_first_value_of_another_shape_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        safe_read.check_shape(WHOLE | change, SHAPE)
    assert str(caught.value) == message
    with pytest.raises(ValueError, match="it is no table"):
        safe_read.check_shape([], SHAPE)
