"""SuperGLUE, eight harder tasks of language understanding (Wang et al. 2019, arXiv 1905.00537).

The labels of test are not published, so there is no test split. MultiRC is one row an answer, right or wrong;
COPA and ReCoRD are choices. All fields of a row stand in one text, each after its name.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_files
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import clip, json_lines
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles
from synthcli.data.corpora.superglue_rows import (
    boolq,
    copa,
    entailment,
    multirc,
    multirc_answers,
    record_queries,
    record_row,
    wic,
    wsc,
)
from synthcli.errors import SynthError

URL = "https://super.gluebenchmark.com"
REVISION = "3de24cf8022e94f4ee4b9d55a6f539891524d646"
FILES = {"train": ["train.jsonl", "train.*.jsonl"], "validation": ["val.jsonl", "dev.jsonl"]}
BOOLEAN = ("false", "true")
COMMITMENT = ("entailment", "contradiction", "neutral")
ENTAILED = ("entailment", "not_entailment")


def _only_texts(record: Record) -> Iterable[Record]:
    return (record,)


@dataclass(frozen=True)
class SuperGlueTask:
    """One task: `row` reads a record of the hub, `flat` makes such records of one of the publisher's."""

    name: str
    title: str
    folder: str
    rows: dict[str, int]
    row: Callable[[Record], Row]
    classes: tuple[str, ...] = ()  # none: choices
    flat: Callable[[Record], Iterable[Record]] = _only_texts
    config: str = ""  # the hub's name, where it is another

    @property
    def layout(self) -> str:
        where = f"in `{self.folder}` or in the folder itself"
        return f"`train.jsonl` and `val.jsonl`, plain or .gz, {where}; from {URL}"

    def read(self, files: tuple[Path, ...]) -> Iterator[Row]:
        for path in files:
            for number, record in json_lines(path):
                try:
                    rows = [self.row(one) for one in self.flat(record)]
                except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                    reason = f"{type(error).__name__}, {clip(error)}"
                    raise SynthError(
                        f"`{path}` has no such record at line {number}: {reason}",
                        f"expected {self.layout}",
                    ) from error
                yield from rows


def _open_superglue(root: Path, task: SuperGlueTask) -> Folder:
    base = root / task.folder if (root / task.folder).is_dir() else root
    found = find_corpus_files(base, FILES, f"superglue-{task.name}", task.layout)
    return Folder(root, {split: SplitFiles((path,), task.read) for split, path in found.items()})


def _declare(task: SuperGlueTask) -> Corpus:
    return Corpus(
        name=f"superglue-{task.name}",
        kind="labelled" if task.classes else "choices",
        title=f"SuperGLUE: {task.title}",
        licence="the licences of its parts, all free for research",
        url=URL,
        layout=task.layout,
        rows=task.rows,
        class_names=task.classes,
        has_fields=True,
        hub=Hub(
            "aps/super_glue",
            task.config or task.name,
            REVISION,
            task.row,
            {"train": "train", "validation": "validation"},
        ),
        folder=partial(_open_superglue, task=task),
    )


TASKS = (
    SuperGlueTask(
        name="boolq",
        title="a yes or no question on a passage (BoolQ, Clark et al. 2019)",
        folder="BoolQ",
        rows={"train": 9_427, "validation": 3_270},
        row=boolq,
        classes=BOOLEAN,
    ),
    SuperGlueTask(
        name="cb",
        title="is an author committed to a clause (CommitmentBank, de Marneffe et al. 2019)",
        folder="CB",
        rows={"train": 250, "validation": 56},
        row=partial(entailment, classes=COMMITMENT),
        classes=COMMITMENT,
    ),
    SuperGlueTask(
        name="copa",
        title="the likelier cause or effect of two (COPA, Roemmele et al. 2011)",
        folder="COPA",
        rows={"train": 400, "validation": 100},
        row=copa,
    ),
    SuperGlueTask(
        name="multirc",
        title="is an answer to a question on a paragraph right (MultiRC, Khashabi et al. 2018)",
        folder="MultiRC",
        rows={"train": 27_243, "validation": 4_848},
        row=multirc,
        classes=BOOLEAN,
        flat=multirc_answers,
    ),
    SuperGlueTask(
        name="record",
        title="which entity fills the gap of a query (ReCoRD, Zhang et al. 2018)",
        folder="ReCoRD",
        rows={"train": 100_730, "validation": 10_000},
        row=record_row,
        flat=record_queries,
    ),
    SuperGlueTask(
        name="rte",
        title="does a text entail another (RTE 1 to 3 and 5, Bentivogli et al. 2009)",
        folder="RTE",
        rows={"train": 2_490, "validation": 277},
        row=partial(entailment, classes=ENTAILED),
        classes=ENTAILED,
    ),
    SuperGlueTask(
        name="wic",
        title="has a word the same sense in two sentences (WiC, Pilehvar and Camacho-Collados 2019)",
        folder="WiC",
        rows={"train": 5_428, "validation": 638},
        row=wic,
        classes=BOOLEAN,
    ),
    SuperGlueTask(
        name="wsc",
        title="does a pronoun stand for a noun (WSC, Levesque et al. 2011)",
        folder="WSC",
        rows={"train": 554, "validation": 104},
        row=wsc,
        classes=BOOLEAN,
        config="wsc.fixed",
    ),
)
SUPERGLUE = tuple(_declare(task) for task in TASKS)
