"""CNN/DailyMail summarisation (Nallapati et al. 2016; version 3.0.0: See et al. 2017)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.cnn_stories import find_stories, story_rows
from synthcli.data.corpora.find_files import find_files, lacks_error
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import clip, json_document, parallel, records
from synthcli.data.corpora.source import SPLITS, Folder, Parse, Record, Row, SplitFiles, cut
from synthcli.errors import SynthError

URL = "https://github.com/abisee/cnn-dailymail"
LAYOUT = (
    "one of: csv files with the columns article and highlights, or text and y;"
    " parallel `.source` and `.target`;"
    " `.story` files in `cnn/stories` and `dailymail/stories` with `url_lists/all_{train,val,test}.txt`;"
    " PreSumm's `.json`; train, val and test in the files' names, plain or .gz; looked for in this order."
    f" From {URL}. Files of one split alone are cut 90/5/5 by rows"
)
ARTICLES, SUMMARIES = ("article", "text"), ("highlights", "y")

Groups = dict[str, list[Path]]


def _find_split_word(path: Path) -> str:
    """Return the split a file's name speaks of, or nothing."""
    return next((split for split in SPLITS if split[:3].replace("tes", "test") in path.name.lower()), "")


def _group_files(root: Path, pattern: str) -> Groups:
    """Return the files that match, by split; `root` may be such a file itself."""
    files = [root] if root.is_file() and root.match(f"{pattern}*") else find_files(root, pattern)
    groups: Groups = {}
    for path in files:
        groups.setdefault(_find_split_word(path), []).append(path)
    return groups


def _csv_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        table = records(path)
        _, names = next(table, (1, []))
        article, summary = _column(path, names, ARTICLES), _column(path, names, SUMMARIES)
        for _, record in table:
            yield {"source": record[article].strip(), "target": record[summary].strip()}


def _column(path: Path, names: list[str], wanted: tuple[str, str]) -> int:
    """Return the number of the column that has one of two names."""
    for name in wanted:
        if name in names:
            return names.index(name)
    raise SynthError(
        f"`{path}` has no column `{wanted[0]}` or `{wanted[1]}` among {clip(', '.join(names))}",
        f"expected {LAYOUT}",
    )


def _parallel_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Read each `.source` beside its `.target`; the marks <t> and </t> part sentences."""
    for path, beside in zip(files[::2], files[1::2], strict=True):
        for source, target in parallel(path, beside):
            yield {"source": _strip_tags(source, " "), "target": _strip_tags(target, "\n")}


def _strip_tags(text: str, between: str) -> str:
    """Return the sentences between <t> marks, joined."""
    sentences = (part.strip() for part in text.replace("</t>", "<t>").split("<t>"))
    return between.join(part for part in sentences if part)


def _find_parallel(root: Path) -> Groups:
    """Return the files by split, each `.source` before its `.target`."""
    groups = _group_files(root, "*.source")
    for files in groups.values():
        pairs = [(path, _find_target(root, path)) for path in files]
        files[:] = [path for pair in pairs for path in pair]
    return groups


def _find_target(root: Path, source: Path) -> Path:
    """Return the `.target` of a `.source`, plain or packed."""
    name = source.name.removesuffix(".gz").replace(".source", ".target")
    for target in (source.with_name(name), source.with_name(f"{name}.gz")):
        if target.is_file():
            return target
    raise lacks_error(root, f"`{name}`", "cnn-dailymail", LAYOUT)


def _json_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Read PreSumm's documents: lists of sentences, each a list of words."""
    for path in files:
        documents = json_document(path)
        for number, document in enumerate(documents if isinstance(documents, list) else [documents], start=1):
            try:
                source, target = ([" ".join(words) for words in document[side]] for side in ("src", "tgt"))
            except (KeyError, TypeError) as error:
                raise SynthError(
                    f"`{path}` has no lists of words `src` and `tgt` in document {number}",
                    f"expected {LAYOUT}",
                ) from error
            yield {"source": " ".join(source), "target": "\n".join(target)}


@dataclass(frozen=True)
class Format:
    """One of the layouts in which the corpus is passed on."""

    name: str
    find: Callable[[Path], Groups]
    rows: Parse


FORMATS = (
    Format("csv", lambda root: _group_files(root, "*.csv"), _csv_rows),
    Format(".source and .target", _find_parallel, _parallel_rows),
    Format(".story", find_stories, story_rows),
    Format("json", lambda root: _group_files(root, "*.json"), _json_rows),
)


def _open_cnn_dailymail(root: Path) -> Folder:
    """Open the first format found; say which others were passed over."""
    present = [(form, groups) for form in FORMATS if (groups := form.find(root))]
    if not present:
        raise lacks_error(root, "all files", "cnn-dailymail", LAYOUT)
    (form, groups), *others = present
    opened = _open_groups(root, form, groups)
    passed = ", ".join(other.name for other, _ in others)
    note = f"read the {form.name} files; {passed} passed over: name one of them as `--source`"
    return replace(opened, notes=(note, *opened.notes)) if passed else opened


def _open_groups(root: Path, form: Format, groups: Groups) -> Folder:
    """Take three splits as they are; cut a single one."""
    if len(groups) == 1:
        (files,) = groups.values()
        return cut(root, tuple(files), form.rows, f"the {form.name} files")
    missing = [split for split in SPLITS if split not in groups]
    if missing:
        raise lacks_error(
            root, [f"the {form.name} files of {split}" for split in missing], "cnn-dailymail", LAYOUT
        )
    return Folder(root, {split: SplitFiles(tuple(groups[split]), form.rows) for split in SPLITS})


def _convert_cnn_dailymail(record: Record) -> Row:
    return {"source": record["article"], "target": record["highlights"]}


CNN_DAILYMAIL = Corpus(
    name="cnn-dailymail",
    kind="pairs",
    title="CNN/DailyMail 3.0.0: news articles to their highlights",
    licence="Apache-2.0 (the preparation); the text is its publishers'",
    url=URL,
    layout=LAYOUT,
    rows={"train": 287_113, "validation": 13_368, "test": 11_490},
    hub=Hub(
        "abisee/cnn_dailymail", "3.0.0", "96df5e686bee6baa90b8bee7c28b81fa3fa6223d", _convert_cnn_dailymail
    ),
    folder=_open_cnn_dailymail,
)
