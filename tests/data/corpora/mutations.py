"""What goes wrong with files: each mutation changes one, decided by a random number generator."""

import gzip
import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

Mutation = Callable[[Path, random.Random], None]

VALUES = (b"null", b"1e999", b"NaN", b"-1", b"99", b"[]", b"{}", b'"\\ud800"', b"9" * 5_000, b"[" * 20_000)


def inside(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a file; a .gz is unpacked and packed again where it is not damaged yet."""
    data = path.read_bytes()
    plain = unpacked(data) if path.suffix == ".gz" else None
    path.write_bytes(change(data) if plain is None else gzip.compress(change(plain)))


def unpacked(data: bytes) -> bytes | None:
    """Return what a .gz holds, or nothing where it is damaged."""
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None


def cut(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data) + 1)])


def cut_inside(path: Path, rng: random.Random) -> None:
    inside(path, lambda data: data[: rng.randrange(len(data) + 1)])


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


def inserted(what: bytes) -> Mutation:
    def insert(path: Path, rng: random.Random) -> None:
        def change(data: bytes) -> bytes:
            place = rng.choice((0, rng.randrange(len(data) + 1)))
            return data[:place] + what + data[place:]

        inside(path, change)

    return insert


def ends(path: Path, rng: random.Random) -> None:
    """Mix the ends of lines."""
    kinds = rng.choice(((b"\r\n",), (b"\r",), (b"\n", b"\r\n"), (b"\n", b"\r"), (b"\n\n",)))
    inside(path, lambda data: b"".join(line + rng.choice(kinds) for line in data.split(b"\n")))


def lines_changed(path: Path, rng: random.Random) -> None:
    """Duplicate, drop or swap a line."""

    def change(data: bytes) -> bytes:
        lines = data.split(b"\n")
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        what = rng.randrange(3)
        if what == 0:
            lines.insert(i, lines[j])
        elif what == 1:
            del lines[i]
        else:
            lines[i], lines[j] = lines[j], lines[i]
        return b"\n".join(lines)

    inside(path, change)


def column_dropped(path: Path, rng: random.Random) -> None:
    """Drop a cell of one line, or of all."""
    separator = rng.choice((b",", b"\t", b" ", b'"'))
    number, everywhere = rng.randrange(4), rng.random() < 0.5

    def change(data: bytes) -> bytes:
        lines = data.split(b"\n")
        for i in range(len(lines)) if everywhere else [rng.randrange(len(lines))]:
            cells = lines[i].split(separator)
            lines[i] = separator.join(cells[:number] + cells[number + 1 :])
        return b"\n".join(lines)

    inside(path, change)


def value_changed(path: Path, rng: random.Random) -> None:
    """Put something else where a line has a word, a number or a string."""

    def change(data: bytes) -> bytes:
        words = data.split(b" ")
        i = rng.randrange(len(words))
        words[i] = rng.choice(VALUES) + (words[i][-1:] if rng.random() < 0.5 else b"")
        return b" ".join(words)

    inside(path, change)


def huge(path: Path, rng: random.Random) -> None:
    """Make one field very long."""
    what = rng.choice((b"x" * 2**20, b"word " * 2**17, b'"', b"," * 2**16))
    inserted(what)(path, rng)


def other_encoding(path: Path, rng: random.Random) -> None:
    encoding = rng.choice(("latin-1", "utf-16", "utf-16-le", "utf-32", "cp500"))
    inside(
        path, lambda data: data.decode("utf-8", "replace").replace("e", "é", 3).encode(encoding, "replace")
    )


def other_packing(path: Path, rng: random.Random) -> None:
    """Have a .gz that is none, or a plain file that is packed, or one packed twice."""
    data = path.read_bytes()
    plain = unpacked(data) if path.suffix == ".gz" and rng.random() < 0.5 else None
    path.write_bytes(gzip.compress(data) if plain is None else plain)


def emptied(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"" if rng.random() < 0.5 else gzip.compress(b""))


def missing(path: Path, rng: random.Random) -> None:
    path.unlink()


def folder_instead(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def swapped(path: Path, rng: random.Random) -> None:
    """Put the content of another file of the source in its place."""
    others = sorted(other for other in path.parent.iterdir() if other.is_file() and other != path)
    if others:
        shutil.copyfile(rng.choice(others), path)


def noise(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(rng.randrange(2_000)))


MUTATIONS: dict[str, Mutation] = {
    "cut": cut,
    "cut inside": cut_inside,
    "flip": flip,
    "NUL": inserted(b"\0"),
    "BOM": inserted(b"\xef\xbb\xbf"),
    "CRLF": inserted(b"\r\n"),
    "surrogate": inserted(b"\xed\xa0\x80"),
    "line end": ends,
    "line": lines_changed,
    "column": column_dropped,
    "value": value_changed,
    "huge": huge,
    "encoding": other_encoding,
    "packing": other_packing,
    "empty": emptied,
    "missing": missing,
    "folder": folder_instead,
    "swapped": swapped,
    "noise": noise,
}
