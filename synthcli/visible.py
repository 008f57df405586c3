"""Text of files and names as it may be shown: what commands a terminal, or hides, is written out.

An escape sequence moves the cursor, a carriage return overwrites a line, a mark of direction turns a text
around (Boucher and Anderson 2023). They come out as JSON writes them, `\\u001b`: JSON stays the same.
"""

import codecs
import re

# C0 but tab and line feed, DEL and C1, marks of direction, ends of lines, halves of pairs, invisible tags.
COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
HANDLER = "synth-escape"


def visible(text: str) -> str:
    """Return a text that no terminal obeys: each character that would command it is written out."""
    return COMMANDS.sub(lambda found: escape_units(found[0]), text)


def escape_units(text: str) -> str:
    """Return the UTF-16 units of a text as JSON writes them."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n] << 8 | units[n + 1]:04x}" for n in range(0, len(units), 2))


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return escape_units(error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _escape_unencodable)
