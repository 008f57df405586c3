"""Synthetic-Persona-Chat: dialogues between two personas, written by a language model (Jandaghi et al. 2023).

arXiv 2312.10007. A row is a whole dialogue after both personas, a line each sentence.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_files
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import clip, records
from synthcli.data.corpora.source import Folder, Row, SplitFiles
from synthcli.errors import SynthError

URL = "https://huggingface.co/datasets/google/Synthetic-Persona-Chat"
LAYOUT = (
    "`Synthetic-Persona-Chat_train.csv`, and likewise valid and test, plain or .gz, with a header, in the"
    f" folder or in `data` below it; from {URL}"
)
FIELDS = ("user 1 personas", "user 2 personas", "Best Generated Conversation")
STEMS = {"train": "train", "validation": "valid", "test": "test"}


def _convert_synthetic_persona_chat(record: Mapping[str, str | None]) -> Row:
    """Return a dialogue: what both speakers are told of themselves, and what they say."""
    return {"text": "\n".join((record[name] or "").strip() for name in FIELDS)}


def _read_synthetic_persona_chat(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        header: list[str] = []
        for number, cells in records(path, columns=len(FIELDS)):
            if header:
                yield _convert_synthetic_persona_chat(dict(zip(header, cells, strict=True)))
            elif set(cells) != set(FIELDS):
                names = clip(", ".join(cells))
                raise SynthError(f"`{path}` has the columns {names} at line {number}", f"expected {LAYOUT}")
            else:
                header = cells


def _open_synthetic_persona_chat(root: Path) -> Folder:
    base = root / "data" if (root / "data").is_dir() else root
    wanted = {split: [f"Synthetic-Persona-Chat_{stem}.csv"] for split, stem in STEMS.items()}
    found = find_corpus_files(base, wanted, "synthetic-persona-chat", LAYOUT)
    return Folder(
        root, {split: SplitFiles((path,), _read_synthetic_persona_chat) for split, path in found.items()}
    )


SYNTHETIC_PERSONA_CHAT = Corpus(
    name="synthetic-persona-chat",
    kind="text",
    title="Synthetic-Persona-Chat: two personas and their dialogue",
    licence="CC BY 4.0",
    url=URL,
    layout=LAYOUT,
    rows={"train": 8_938, "validation": 1_000, "test": 968},
    hub=Hub(
        "google/Synthetic-Persona-Chat",
        None,
        "a520ad7f999ca7e6dfdc25fed9f5070bf6f87b42",
        _convert_synthetic_persona_chat,
    ),
    folder=_open_synthetic_persona_chat,
)
