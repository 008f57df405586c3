"""A folder of documents, one a record: what the large corpora share."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path

from synthcli.data.corpora.find_files import find_files, lacks_error
from synthcli.data.corpora.reading import clip, json_lines, lines
from synthcli.data.corpora.source import Folder, Row
from synthcli.data.corpora.splitting import split_folder
from synthcli.data.corpora.text_format import PUBLISHED, TextFormat
from synthcli.errors import SynthError


def _read_documents(files: tuple[Path, ...], field: str) -> Iterator[Row]:
    """Yield a field of json lines or of parquet, or the documents of .txt, which blank lines part."""
    for path in files:
        kind = path.name.removesuffix(".gz").rpartition(".")[2]
        if kind == "txt":
            yield from paragraphs(path)
        elif kind == "parquet":
            yield from parquet(path, field)
        else:
            yield from _read_fields(path, field)


def _read_fields(path: Path, field: str) -> Iterator[Row]:
    for number, record in json_lines(path):
        if not isinstance(record.get(field), str):
            held = clip(", ".join(record) or "nothing")
            raise SynthError(
                f"`{path}` has no text `{field}` at line {number}, but {held}",
                f"expected one object a line with `{field}`",
            )
        yield {"text": record[field]}


def parquet(path: Path, field: str) -> Iterator[Row]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile
    from pyarrow.types import is_large_string, is_string

    try:
        table = ParquetFile(path)
        if field not in table.schema_arrow.names:
            names = clip(", ".join(table.schema_arrow.names))
            raise SynthError(f"`{path}` has no column `{field}` among {names}", "take the publisher's copy")
        kind = table.schema_arrow.field(field).type
        if not (is_string(kind) or is_large_string(kind)):
            raise SynthError(f"`{path}` has no text in its column `{field}`", "take the publisher's copy")
        for batch in table.iter_batches(columns=[field]):
            for text in batch.column(0).to_pylist():
                if text is None:
                    raise SynthError(f"`{path}` has an empty cell in `{field}`", "take the publisher's copy")
                yield {"text": text}
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise SynthError(f"`{path}` cannot be read as parquet: {clip(error)}", "fetch it again") from error


def paragraphs(path: Path, form: TextFormat = PUBLISHED) -> Iterator[Row]:
    for blank, group in groupby(lines(path, form=form), key=lambda line: not line.strip()):
        if not blank:
            yield {"text": "\n".join(group)}


def document_folder(root: Path, corpus: str, layout: str, field: str, patterns: Mapping[str, str]) -> Folder:
    """Sort the files below a folder into splits by their names; files of one split alone are cut 90/5/5.

    `patterns` are looked for in all folders; their keys are what messages call them.
    """
    found = (path for pattern in patterns.values() for path in find_files(root, f"**/{pattern}"))
    files = [root] if root.is_file() else list(found)
    if not files:
        raise lacks_error(root, list(patterns), corpus, layout)
    parse = partial(_read_documents, field=field)
    return split_folder(root, [(path,) for path in files], parse, corpus, layout)
