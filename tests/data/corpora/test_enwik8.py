"""enwik8: the bytes of every split, however they are packed, and files that are not what they should be."""

import gzip
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.corpora.one_file import SIZE
from synthcli.data.examples.windows import Joined
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.data.tokenizers.byte_level import OFFSET
from synthcli.errors import SynthError
from tests.data.small import BYTES

SPLITS = ("train", "validation", "test")
CUTS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}


def plain(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def packed(path: Path, content: bytes) -> Path:
    return plain(path.with_suffix(".gz"), gzip.compress(content))


def zipped(path: Path, content: bytes, name: str = "enwik8", *others: str) -> Path:
    with ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr(name, content)
        for other in others:
            archive.writestr(other, b"another file")
    return path.with_suffix(".zip")


def bytes_of(store: Store, split: str) -> bytes:
    """Return the bytes that a model of the split predicts, a line feed for every end."""
    joined = Joined(store.split(split).data, store.tokenizer)
    ids = joined.between(0, joined.targets)[1:]
    text = np.where(ids == store.tokenizer.eos_id, ord("\n") + OFFSET, ids) - OFFSET
    return bytes(text.tolist())


def refused(source: Path) -> SynthError:
    with pytest.raises(SynthError) as caught:
        opened = CORPORA["enwik8"].open(source)
        for split in opened.splits:
            list(opened.read(split))
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("write", [plain, packed, zipped])
def test_tokens_are_the_bytes_of_a_split(tmp_path: Path, write: Callable[[Path, bytes], Path]) -> None:
    content = b"a line\r\n\n\x0b " * 200
    store = prepare_store("enwik8", BYTES, tmp_path / "stores", write(tmp_path / "enwik8", content))
    for split, (start, stop) in CUTS.items():
        expected = content[int(start * len(content)) : int(stop * len(content))]
        assert not expected.endswith(b"\n")
        assert bytes_of(store, split) == expected + b"\n"  # the end of the last row stands for no byte
        assert store.counts(split)["bytes"] == len(expected) + 1
    note = store.manifest["source"]["notes"][0]
    assert note.startswith("not the whole of enwik8: cut from the 2,200 bytes of `enwik8")


def test_a_line_feed_that_comes_last_begins_no_row(tmp_path: Path) -> None:
    content = b"nine byte\n" * 200
    store = prepare_store("enwik8", BYTES, tmp_path / "stores", plain(tmp_path / "enwik8", content))
    assert b"".join(bytes_of(store, split) for split in SPLITS) == content
    assert [store.counts(split)["bytes"] for split in SPLITS] == [1800, 100, 100]
    assert [store.rows(split) for split in SPLITS] == [180, 10, 10]


def test_no_character_is_cut(tmp_path: Path) -> None:
    for size in range(200, 204):
        content = ("é€𝄞a" * 30).encode()[:size]
        opened = CORPORA["enwik8"].open(plain(tmp_path / "enwik8", content))
        parts = ["\n".join(row["text"] for row in opened.read(split)).encode() for split in SPLITS]
        assert b"".join(parts) == content.decode(errors="ignore").encode()
        assert all(7 <= len(part) <= 13 for part in parts[1:])


def test_the_whole_file_is_cut_without_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthcli.data.corpora.one_file.SIZE", 2000)
    opened = CORPORA["enwik8"].open(plain(tmp_path / "enwik8", b"nine byte\n" * 200))
    assert opened.notes == () and opened.describe()["splits_made"] is None
    assert SIZE == 100_000_000


def test_an_archive_of_several_files(tmp_path: Path) -> None:
    content = b"nine byte\n" * 20
    opened = CORPORA["enwik8"].open(zipped(tmp_path / "a", content, "data/enwik8", "readme"))
    assert len(list(opened.read("train"))) == 18
    path = zipped(tmp_path / "b", content, "one", "two")
    assert str(refused(path)) == (
        f"`{path}` holds `one`, `two`, expected `enwik8`\nhint: unpack it and name the file you mean"
    )


def test_what_is_not_enwik8(tmp_path: Path) -> None:
    damaged = plain(tmp_path / "enwik8.zip", b"PK nothing")
    assert str(refused(damaged)) == (
        f"`{damaged}` is truncated or damaged: file is not a zip file\nhint: fetch it again"
    )
    latin = plain(tmp_path / "latin", b"\xff\xfe" * 100)
    assert refused(latin).message == f"`{latin}` is not UTF-8: invalid start byte"
    empty = plain(tmp_path / "empty", b"")
    assert refused(empty).message == f"`{empty}` has 0 bytes: too few to cut three splits"
    short = packed(tmp_path / "short", b"x" * 1000)
    short.write_bytes(short.read_bytes()[:-9])
    ended = "compressed file ended before the end-of-stream marker was reached"
    assert refused(short).message == f"`{short}` is truncated or damaged: {ended}"
    missing = tmp_path / "missing.gz"
    assert refused(missing).message == f"the source `{missing}` does not exist"


@pytest.mark.slow
def test_enwik8_as_published(shared: Path, tmp_path: Path) -> None:
    path = shared / "data/enwik8/enwik8.first4150000.gz"
    store = prepare_store("enwik8", BYTES, tmp_path, path)
    content, held_out = gzip.decompress(path.read_bytes()), 4_150_000 // 20
    edges = [0, len(content) - 2 * held_out, len(content) - held_out, len(content)]
    for split, start, stop in zip(SPLITS, edges[:-1], edges[1:], strict=True):
        found = bytes_of(store, split)
        assert found.removesuffix(b"\n") == content[start:stop].removesuffix(b"\n")
        assert len(found) - (stop - start) == (not content[start:stop].endswith(b"\n"))
    assert [file["path"] for file in store.manifest["source"]["files"]] == [path.name]
