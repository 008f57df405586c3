"""GLUE, nine tasks of language understanding (Wang et al. 2018, arXiv 1804.07461).

The labels of test are not published, so there is no test split; that of MNLI is the mismatched development
set, its validation the matched one. All fields of a row stand in one text, each after its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_files
from synthcli.data.corpora.forms import join_fields
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import clip, read_tabbed
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles
from synthcli.errors import SynthError

URL = "https://gluebenchmark.com"
REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
FILES = {"train": "train.tsv", "validation": "dev.tsv"}


@dataclass(frozen=True)
class GlueTask:
    """One task: its fields as we and the hub call them, and their columns in the publisher's tables."""

    name: str
    title: str
    folder: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]
    label: str
    rows: dict[str, int]
    classes: tuple[str, ...] = ()  # none: a score from 0 to 5
    header: tuple[str, ...] = ()  # of tables that have none
    files: dict[str, str] = field(default_factory=lambda: FILES)
    hub_splits: dict[str, str] = field(default_factory=lambda: {"train": "train", "validation": "validation"})
    faulty: bool = False  # the published tables have broken lines, which the hub's edition leaves out

    @property
    def layout(self) -> str:
        files = ", ".join(f"`{name}`" for name in self.files.values())
        return f"{files}, plain or .gz, in `{self.folder}` or in the folder itself; from {URL}"

    def target(self, value: str, where: str) -> Row:
        """Return the label or the score that a cell holds."""
        try:
            if not self.classes:
                return {"score": float(value)}
            number = self.classes.index(value) if value in self.classes else int(value)
        except ValueError:
            number = -1
        if not 0 <= number < len(self.classes):
            allowed = ", ".join(f"`{name}`" for name in self.classes) or "a number"
            raise SynthError(
                f"{where} has the label `{clip(value)}`, expected {allowed}", f"expected {self.layout}"
            )
        return {"label": number}

    def read(self, files: tuple[Path, ...]) -> Iterator[Row]:
        """Yield the rows of tables."""
        for path in files:
            table = read_tabbed(path)
            header = self.header or next((tuple(cells) for _, cells in table), ())
            self.check(path, header)
            for number, cells in table:
                where = f"`{path}`, line {number},"
                if len(cells) < len(header) and self.faulty:
                    continue
                if len(cells) != len(header):
                    raise SynthError(
                        f"{where} has {len(cells)} cells, expected {len(header)}", "take the publisher's copy"
                    )
                record = dict(zip(header, cells, strict=True))
                texts = [record[column] for column in self.columns]
                text = join_fields(dict(zip(self.fields, texts, strict=True)))
                yield {"text": text, **self.target(record[self.label], where)}

    def check(self, path: Path, header: tuple[str, ...]) -> None:
        missing = [f"`{name}`" for name in (*self.columns, self.label) if name not in header]
        if missing:
            raise SynthError(f"`{path}` has no column {', '.join(missing)}", f"expected {self.layout}")

    def row(self, record: Record) -> Row:
        """Return our row of one of the hub's records."""
        text = join_fields({name: record[name] for name in self.fields})
        if not self.classes:
            return {"text": text, "score": float(record["label"])}
        return {"text": text, "label": int(record["label"])}


def _open_glue(root: Path, task: GlueTask) -> Folder:
    base = root / task.folder if (root / task.folder).is_dir() else root
    wanted = {split: [name] for split, name in task.files.items()}
    found = find_corpus_files(base, wanted, f"glue-{task.name}", task.layout)
    return Folder(root, {split: SplitFiles((path,), task.read) for split, path in found.items()})


def _declare(task: GlueTask) -> Corpus:
    return Corpus(
        name=f"glue-{task.name}",
        kind="labelled" if task.classes else "scored",
        title=f"GLUE: {task.title}",
        licence="the licences of its parts, all free for research",
        url=URL,
        layout=task.layout,
        rows=task.rows,
        class_names=task.classes,
        has_fields=True,
        hub=Hub("nyu-mll/glue", task.name, REVISION, task.row, task.hub_splits),
        folder=partial(_open_glue, task=task),
    )


SENTENCES = ("sentence1", "sentence2")
ENTAILED = ("entailment", "not_entailment")
TASKS = (
    GlueTask(
        name="cola",
        title="is a sentence acceptable English (CoLA, Warstadt et al. 2018)",
        folder="CoLA",
        fields=("sentence",),
        columns=("sentence",),
        label="label",
        rows={"train": 8_551, "validation": 1_043},
        classes=("unacceptable", "acceptable"),
        header=("source", "label", "mark", "sentence"),
    ),
    GlueTask(
        name="sst2",
        title="is a phrase of a film review positive (SST-2, Socher et al. 2013)",
        folder="SST-2",
        fields=("sentence",),
        columns=("sentence",),
        label="label",
        rows={"train": 67_349, "validation": 872},
        classes=("negative", "positive"),
    ),
    GlueTask(
        name="mrpc",
        title="do two sentences of news say the same (MRPC, Dolan and Brockett 2005)",
        folder="MRPC",
        fields=SENTENCES,
        columns=("#1 String", "#2 String"),
        label="Quality",
        rows={"train": 3_668, "validation": 408},
        classes=("not_equivalent", "equivalent"),
    ),
    GlueTask(
        name="stsb",
        title="how similar two sentences are, from 0 to 5 (STS-B, Cer et al. 2017)",
        folder="STS-B",
        fields=SENTENCES,
        columns=SENTENCES,
        label="score",
        rows={"train": 5_749, "validation": 1_500},
    ),
    GlueTask(
        name="qqp",
        title="do two questions ask the same (Quora question pairs)",
        folder="QQP",
        fields=("question1", "question2"),
        columns=("question1", "question2"),
        label="is_duplicate",
        rows={"train": 363_846, "validation": 40_430},
        classes=("not_duplicate", "duplicate"),
        faulty=True,
    ),
    GlueTask(
        name="mnli",
        title="does a premise entail a hypothesis (MNLI, Williams et al. 2018); test is dev mismatched",
        folder="MNLI",
        fields=("premise", "hypothesis"),
        columns=SENTENCES,
        label="gold_label",
        rows={"train": 392_702, "validation": 9_815, "test": 9_832},
        classes=("entailment", "neutral", "contradiction"),
        files={"train": "train.tsv", "validation": "dev_matched.tsv", "test": "dev_mismatched.tsv"},
        hub_splits={"train": "train", "validation": "validation_matched", "test": "validation_mismatched"},
    ),
    GlueTask(
        name="qnli",
        title="does a sentence answer a question (QNLI, from SQuAD, Rajpurkar et al. 2016)",
        folder="QNLI",
        fields=("question", "sentence"),
        columns=("question", "sentence"),
        label="label",
        rows={"train": 104_743, "validation": 5_463},
        classes=ENTAILED,
    ),
    GlueTask(
        name="rte",
        title="does a text entail another (RTE 1 to 3 and 5, Bentivogli et al. 2009)",
        folder="RTE",
        fields=SENTENCES,
        columns=SENTENCES,
        label="label",
        rows={"train": 2_490, "validation": 277},
        classes=ENTAILED,
    ),
    GlueTask(
        name="wnli",
        title="what a pronoun stands for, as entailment (WNLI, Levesque et al. 2011)",
        folder="WNLI",
        fields=SENTENCES,
        columns=SENTENCES,
        label="label",
        rows={"train": 635, "validation": 71},
        classes=("not_entailment", "entailment"),
    ),
)
GLUE = tuple(_declare(task) for task in TASKS)
