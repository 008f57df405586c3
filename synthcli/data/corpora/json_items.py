"""The objects of a json file, read one after the other wherever lines end: memory holds one of them."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from synthcli.data.corpora.reading import (
    BLOCK,
    LONGEST_LINE,
    no_json,
    refuse_half_characters,
    undecodable,
    utf_8,
    without_mark,
)
from synthcli.data.corpora.text_format import PUBLISHED, TextFormat
from synthcli.errors import SynthError

WHITE = re.compile(r"[ \t\n\r]*")


Items = Iterator[tuple[int, dict[str, Any]]]
"""The line of every object, and the object."""


def read_items(path: Path, form: TextFormat = PUBLISHED) -> Items | None:
    """Return the objects of an array, or of a file whose first one has several lines; None for one a line."""
    text = JsonText(path, form)
    if text.peek() == "[":
        return _array_items(path, form)
    try:
        text.value()
        is_spread = text.line > 1 and text.peek() == "{"
    except SynthError:  # whoever reads it line by line says where
        return None
    return _spread_items(path, form) if is_spread else None


def _array_items(path: Path, form: TextFormat) -> Items:
    """Yield the objects of an array."""
    text = JsonText(path, form)
    text.take("[")
    is_first = True
    while text.peek() != "]":
        if not is_first:
            text.take(",")
        yield text.object()
        is_first = False
    text.take("]")
    if text.peek():
        raise text.error("extra data")


def _spread_items(path: Path, form: TextFormat) -> Items:
    """Yield objects that follow each other with nothing between them."""
    text = JsonText(path, form)
    while text.peek():
        yield text.object()


class JsonText:
    """The text of a file, read as far as it is needed."""

    def __init__(self, path: Path, form: TextFormat) -> None:
        self.path, self.form, self.texts = path, form, texts(path, form)
        self.text, self.at, self.line = "", 0, 1
        self.decoder = json.JSONDecoder()

    def more(self) -> bool:
        """Read on, and forget what is done with; False at the end."""
        text = next(self.texts, None)
        self.text, self.at = self.text[self.at :] + (text or ""), 0
        return text is not None

    def go(self, place: int) -> None:
        """Go on to a place."""
        self.line += self.text.count("\n", self.at, place)
        self.at = place

    def peek(self) -> str:
        """Return the next character that is no white space; none at the end."""
        while True:
            found = WHITE.match(self.text, self.at)
            assert found is not None
            self.go(found.end())
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def take(self, mark: str) -> None:
        """Go past a mark, which must come next."""
        if self.peek() != mark:
            raise self.error(f"expecting '{mark}' delimiter" if self.text else "unexpected end of data")
        self.go(self.at + 1)

    def object(self) -> tuple[int, dict[str, Any]]:
        """Return the next value and its line; what is no object is refused."""
        self.peek()
        number, item = self.line, self.value()
        if not isinstance(item, dict):
            raise SynthError(
                f"`{self.path}` holds no object at line {number}", self.form.no_object(self.path)
            )
        return number, item

    def value(self) -> Any:
        """Return the next value, read whole."""
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
                refuse_half_characters(self.text[self.at : end], value)
            except (ValueError, RecursionError) as error:
                if isinstance(error, UnicodeEncodeError) or not self.has_grown():
                    raise no_json(self.path, self.move_error(error), self.line, self.form) from error
            else:
                self.go(end)
                return value

    def move_error(self, error: Exception) -> Exception:
        """Return an error of json whose line is counted from here."""
        if not isinstance(error, json.JSONDecodeError):
            return error
        return json.JSONDecodeError(error.msg, self.text[self.at :], error.pos - self.at)

    def has_grown(self) -> bool:
        """Read as much again as is there, for a value may only be cut short; False at the end."""
        size = len(self.text) - self.at
        if size > LONGEST_LINE:
            message = (
                f"`{self.path}` has more than {LONGEST_LINE // 2**20} MiB in the record at line {self.line}"
            )
            raise SynthError(message, "leave that record out, or part it")
        if not self.more():
            return False
        while len(self.text) < 2 * size and self.more():
            pass
        return True

    def error(self, reason: str) -> SynthError:
        return no_json(self.path, ValueError(reason), self.line, self.form)


def texts(path: Path, form: TextFormat) -> Iterator[str]:
    """Yield the text of a file as it is read."""
    decoder, place = getincrementaldecoder("utf-8")(), 0
    for raw in chain(utf_8(path, BLOCK, form), [b""]):
        body, pending = raw if place else without_mark(path, raw, form), len(decoder.getstate()[0])
        try:
            yield decoder.decode(body, final=not raw)
        except UnicodeDecodeError as error:
            start = place - pending + len(raw) - len(body) + error.start
            raise undecodable(path, start, raw, form) from error
        place += len(raw)
