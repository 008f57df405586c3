"""Words of presets, corpora and results as a model card shows them: as words, whatever they are made of.

A page of the hub is markdown and HTML with YAML before it. A title that is a heading, a tag, a picture or a
link stays a title here; a line feed in it begins no line of ours, nor another table of facts.
"""

import re
from urllib.parse import quote, urlsplit

from synthcli.visible import visible

MARKUP = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")  # within a word `_` means nothing
HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# what would begin a heading, a list, a quotation, a rule or a table at the start of a line
BEGINNING = re.compile(r"^(?:([#+=:_-])|(\d+)([.)]))")
IN_ADDRESSES = "/:?#@!$&'*+,;=~%-._"


def one_line(text: str) -> str:
    """Return a text without ends of lines, and without what commands a terminal."""
    return visible(" ".join(text.split()))


def plain(text: str) -> str:
    """Return a text that markdown and HTML show as it is."""
    shown = MARKUP.sub(r"\\\1", one_line(text).translate(HTML))
    return BEGINNING.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", shown)


def code(text: str) -> str:
    """Return a text between as many backticks as it does not hold."""
    shown = one_line(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest or not shown else ""
    return f"{fence}{space}{shown}{space}{fence}"


def cell(text: str) -> str:
    """Return markdown for a cell of a table, whose columns it does not end."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def write_link(text: str, address: str | None) -> str:
    """Return a link with a text; without an address of the web, the text alone."""
    address = one_line(address or "").replace(" ", "%20")
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that are no address
        return plain(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return plain(text)
    return f"[{plain(text)}]({quote(address, safe=IN_ADDRESSES)})"
