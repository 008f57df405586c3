"""Encodings of text: which one an option names, and which one bytes are likely to be of."""

import codecs

from synthcli.errors import SynthError

SAMPLE = 2**14  # bytes that are looked at
# Letters and marks of Western European texts beyond ASCII; what else cp1252 holds speaks against it.
WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœßÀÁÂÄÅÆÇÈÉÊËÍÎÏÑÓÔÖØÚÛÜŒ¿¡«»‘’“”„–—…€£©®°§·•½\xa0")
MOST = 0.9  # of the characters beyond ASCII are such ones in a Western text
FEW = 0.35  # of its characters are beyond ASCII at most


def find_encoding(corpus: str, name: str) -> str:
    """Return Python's name of an encoding of text; any other word is refused."""
    try:
        found = codecs.lookup(name)
        codecs.getincrementaldecoder(name)("strict").decode(b"", final=True)
        is_text = isinstance(b"".decode(name), str)
    except (LookupError, ValueError, TypeError):
        is_text = False
    if not is_text:
        raise SynthError(
            f"`{corpus}` gives `encoding` as `{name}`",
            "expected an encoding of text that Python knows, such as `cp1252`, `utf-16` or `gb18030`",
        )
    return "utf-8" if found.name in ("utf-8", "utf-8-sig") else name


def likely_encoding(raw: bytes) -> str | None:
    """Return what bytes are likely written in; None where nothing fits."""
    from charset_normalizer import from_bytes

    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if (wide := _likely_wide(raw[:SAMPLE])) is not None:
        return wide
    if is_utf_8(raw):
        return "utf-8"
    lines = [line for line in raw.split(b"\n") if not is_utf_8(line)]
    sample = b"\n".join(lines)[:SAMPLE]
    best = from_bytes(sample).best()
    found = [
        *(("cp1252", "latin-1") if _is_western(sample) else ()),
        *([] if best is None else [best.encoding]),
    ]
    return next((name for name in found if name not in ("ascii", "utf_8") and _is_encoding(name, raw)), None)


def _likely_wide(raw: bytes) -> str | None:
    """Return the UTF-16 without a byte order mark that bytes seem to be: every other one is NUL."""
    odd, even = raw[1::2].count(0), raw[::2].count(0)
    if max(odd, even) < len(raw) // 4 or not raw:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _is_encoding(encoding: str, raw: bytes) -> bool:
    """Whether bytes, which may end within a character, are of an encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeError:
        return False
    return True


def is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_western(sample: bytes) -> bool:
    """Whether cp1252 makes of bytes a text with a few accents and typographic marks."""
    text = sample.decode("cp1252", "replace")
    beyond = [character for character in text if not character.isascii()]
    known = sum(character in WESTERN for character in beyond)
    return known >= MOST * len(beyond) and len(beyond) <= FEW * len(text)
