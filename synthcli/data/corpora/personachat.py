"""PersonaChat: a persona and what was said, to what it says next (Zhang et al. 2018, arXiv 1801.07243).

The published counts are those of one speaker's side, `self_original`. The hub holds ConvAI2's edition: both
sides in training, 131,438 rows of 17,878 dialogues, and no test, which that contest kept to itself.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_file, find_corpus_files, find_files
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.personachat_rows import dialogue_rows, json_rows, parallel_rows, read_numbered
from synthcli.data.corpora.source import Folder, SplitFiles, cut

URL = "https://parl.ai/downloads/personachat/personachat.tgz"
LAYOUT = (
    "one of: `train_self_original.txt`, `valid_self_original.txt` and `test_self_original.txt` in ParlAI's"
    " form, whose names may have `_no_cands`; ConvAI2's `personachat_self_original.json`;"
    " parallel `per-train.txt`, `src-train.txt` and `tgt-train.txt`, and likewise val;"
    " XPersona's `En_persona_train.json` and `En_persona_valid.json`; test may be absent, plain or .gz,"
    f" looked for in this order. From {URL}. A single `.json` of XPersona is cut 90/5/5 by rows"
)
STEMS = {"train": "train", "validation": "valid", "test": "test"}
CONVAI2 = "personachat_self_original.json"
SIDES = ("per", "src", "tgt")

Patterns = Mapping[str, Sequence[str]]


def _open_personachat(root: Path) -> Folder:
    """Open the first form found; a folder without any lacks ParlAI's files."""
    if (convai2 := _one_file(root, CONVAI2)) is not None:
        keys = {"train": "train", "validation": "valid"}
        parts = {split: SplitFiles((convai2,), partial(json_rows, split=key)) for split, key in keys.items()}
        return Folder(root, parts)
    if find_files(root, "src-*.txt"):
        return _parallel_folder(root)
    patterns = {split: [f"En_persona_{stem}.json"] for split, stem in STEMS.items()}
    xpersona = [path for names in patterns.values() if (path := find_corpus_file(root, names))]
    if root.is_file() or len(xpersona) == 1:
        path = root if root.is_file() else xpersona[0]
        return cut(root, (path,), json_rows, f"`{path.name}`")
    if xpersona:
        return Folder(
            root,
            {split: SplitFiles((path,), json_rows) for split, path in _find_splits(root, patterns).items()},
        )
    plain = {
        split: [f"{stem}_self_original.txt", f"{stem}_self_original_no_cands.txt"]
        for split, stem in STEMS.items()
    }
    return Folder(
        root, {split: SplitFiles((path,), read_numbered) for split, path in _find_splits(root, plain).items()}
    )


def _one_file(root: Path, name: str) -> Path | None:
    """Return the file of a name, which may be `root` itself."""
    if root.is_file():
        return root if root.name.removesuffix(".gz") == name else None
    return find_corpus_file(root, [name])


def _find_splits(root: Path, wanted: Patterns) -> dict[str, Path]:
    """Return the files of all splits; that of test may be absent."""
    kept = {
        split: names for split, names in wanted.items() if split != "test" or find_corpus_file(root, names)
    }
    return find_corpus_files(root, kept, "personachat", LAYOUT)


def _parallel_folder(root: Path) -> Folder:
    """Find the three files of every split."""
    stems = {split: stem.removesuffix("id") for split, stem in STEMS.items()}
    if find_corpus_file(root, ["src-test.txt"]) is None:
        del stems["test"]
    wanted = {f"{side}-{stem}.txt": [f"{side}-{stem}.txt"] for stem in stems.values() for side in SIDES}
    found = find_corpus_files(root, wanted, "personachat", LAYOUT)
    files = {split: tuple(found[f"{side}-{stem}.txt"] for side in SIDES) for split, stem in stems.items()}
    return Folder(root, {split: SplitFiles(paths, parallel_rows) for split, paths in files.items()})


PERSONACHAT = Corpus(
    name="personachat",
    kind="pairs",
    title="PersonaChat: a persona and the dialogue so far to the next utterance",
    licence="CC BY 4.0",
    url=URL,
    layout=LAYOUT,
    rows={"train": 65_719, "validation": 7_801, "test": 7_512},
    hub=Hub(
        "AlekseyKorshuk/persona-chat",
        None,
        "498fd0081de41b8833a72e1a126aaf52917e1ddd",
        splits={"train": "train", "validation": "validation"},
        rows=dialogue_rows,
        records={"train": 17_878, "validation": 1_000},
    ),
    folder=_open_personachat,
)
