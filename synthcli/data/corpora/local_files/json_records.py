"""A user's own json: `jsonl` reads the field `text` of objects, `jsonl:text=meta.body` another.

A file holds one object a line, objects over several lines, or an array of them; with `records=data` it is one
object, which holds the array in its field `data`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeGuard

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.json_items import read_items
from synthcli.data.corpora.local_files.columns import MEANINGS, Records, read_columns
from synthcli.data.corpora.local_files.fields import pick
from synthcli.data.corpora.local_files.file_format import OPTIONS as FORM_OPTIONS
from synthcli.data.corpora.local_files.file_format import OwnFormat, name_with, pipe_command, read_format
from synthcli.data.corpora.local_files.options import parse_name_options, unquote
from synthcli.data.corpora.local_files.records import own_records
from synthcli.data.corpora.local_files.split_rule import CUT, read_split_rule
from synthcli.data.corpora.local_files.split_rule import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import json_document, json_lines
from synthcli.data.corpora.source import Record
from synthcli.errors import SynthError

OPTIONS = MEANINGS | {"records": "FIELD"} | FORM_OPTIONS | SPLIT_OPTIONS
ENDINGS = (".jsonl", ".json", ".ndjson")
LAYOUT = (
    "a file, a folder or a pattern in quotes of `.jsonl` or `.json`: one object a line, or an array of them,"
    " plain or .gz; `jsonl:text=FIELD`, `jsonl:text=FIELD,label=FIELD`, `jsonl:text=FIELD,score=FIELD` or"
    " `jsonl:source=FIELD,target=FIELD` names the fields;"
    f" {CUT}"
)


@dataclass(frozen=True)
class JsonFormat(OwnFormat):
    """Files of json, which may be whole documents."""

    def no_json(self, path: Path) -> str:
        """Say how to read a document that is one object, or an array of texts."""
        try:
            held = json_document(path, OwnFormat(self.encoding))
        except SynthError:
            return "mend that line"
        if isinstance(held, list) and all(isinstance(one, str) for one in held):
            return f"make objects of the texts: {pipe_command(path, ['jq', '-c', '.[] | {text: .}'])}"
        lists = (
            [key for key, value in held.items() if _is_objects(value)] if isinstance(held, Mapping) else []
        )
        if not lists:
            return 'expected one object a line, or an array of objects, such as `[{"text": "…"}]`'
        return f"it is one object: name the corpus {name_with(self.corpus, records=lists[0])}"

    no_object = no_json


def _is_objects(value: object) -> TypeGuard[list[Record]]:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _read_objects(files: tuple[Path, ...], form: JsonFormat, inside: str | None) -> Records:
    """Yield the objects of files and where they stand; those in a field of a document where one is named."""
    for path in files:
        if inside is not None:
            for place, record in enumerate(_read_array(path, inside, form), start=1):
                yield record, f"`{path}`, record {place},"
        elif (items := read_items(path, form)) is not None:
            for place, (number, record) in enumerate(items, start=1):
                yield record, f"`{path}`, record {place} at line {number},"
        else:
            for number, record in json_lines(path, form):
                yield record, f"`{path}`, line {number},"


def _read_array(path: Path, field: str, form: JsonFormat) -> Iterator[Record]:
    """Yield the objects of the array that a document holds in a field."""
    document = json_document(path, OwnFormat(form.encoding, form.corpus))
    try:
        found = pick(document, field)
    except KeyError:
        raise SynthError(f"`{path}` holds no `{field}`", form.no_json(path)) from None
    if not _is_objects(found):
        raise SynthError(f"`{path}` holds no array of objects in `{field}`", form.no_json(path))
    yield from found


def own_jsonl(name: str) -> Corpus:
    """Return the corpus that a name such as `jsonl:text=body` asks for."""
    options = parse_name_options(name, OPTIONS)
    columns, rule = read_columns(name, options), read_split_rule(name, options)
    form = JsonFormat(read_format(name, options).encoding, name)
    inside = unquote(options["records"]) if "records" in options else None
    read = partial(_read_objects, form=form, inside=inside)
    return own_records(name, "Your own json", LAYOUT, ENDINGS, columns, read, rule)
